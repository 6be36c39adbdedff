import { createValidator } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { printable } from '../../../src/internal/printable.ts'
import { AUD, ec1, fixtureValidator, ISS, jwks, rsa1, t0 } from '../../support/fixture.ts'
import {
  accepts,
  construct,
  expectRefused,
  read,
  refuses,
  withIssuer,
} from '../../support/validator-options.ts'

describe('configured keys', () => {
  it('F-cfg must be plain JSON data', () => {
    const keys = [{ ...jwks.keys[0], kid: () => 'rsa1' }]
    const issuer = { issuer: ISS, jwks: { keys } as never }
    expect(() => createValidator({ issuer, audience: AUD })).toThrow(
      expect.objectContaining({
        message: `jwks of issuer ${ISS} must be a JWK Set, as JSON has it`,
        cause: expect.any(Error),
      }),
    )
  })
})

describe('issuer', () => {
  it('F-cfg2 cannot be missing or empty', () => {
    expectRefused([undefined, []], (issuer) => construct({ issuer }), 'issuer is missing: it takes')
    expectRefused(
      [
        '',
        'as.test',
        '/issuer',
        'https://',
        'https:as.test',
        ' https://as.test',
        'https://as.test\n',
      ],
      (issuer) => construct({ issuer }),
      'is not an absolute URL',
    )
    expectRefused(
      [null, 5, true, [[]], [null]],
      (issuer) => construct({ issuer }),
      'issuer takes an object with',
    )
    expectRefused(
      [{}, { issuer: undefined }, { issuer: null }, { issuer: 5 }, { issuer: [ISS] }],
      (issuer) => construct({ issuer }),
      'is not an absolute URL',
    )
  })

  it.each([
    ['http://as.test', 'is an http URL beyond loopback, which needs allowInsecureHttp: true'],
    ['http://127.0.0.1.evil.test', 'is an http URL beyond loopback'],
    ['http://localhost.evil.test', 'is an http URL beyond loopback'],
    ['http://10.0.0.1', 'is an http URL beyond loopback'],
    ['ftp://as.test', 'is not an https URL'],
    ['file:///etc/passwd', 'is not an https URL'],
    ['https://user:pass@as.test', 'has credentials in it'],
    ['https://user@as.test', 'has credentials in it'],
    ['https://as.test/#x', 'has a fragment'],
    ['https://as.test#', 'has a fragment'],
    ['https://as.test/?x=1', 'has a query'],
    ['https://as.test?', 'has a query'],
    ['https:///as.test', 'is not an absolute URL'],
    ['https://@as.test/', 'has credentials in it'],
    ['https://a\u00ads.test/', 'is not in its parsed form, which is https://as.test/'],
    ['https://as.test/a/../b', 'is not in its parsed form, which is https://as.test/b'],
  ])('is a URL from which keys may be fetched, unlike %s', (issuer, problem) => {
    expect(() => construct({ issuer })).toThrow(TypeError)
    expect(() => construct({ issuer })).toThrow(`${JSON.stringify(printable(issuer))} ${problem}`)
    if (problem !== 'has a query') {
      expect(() => withIssuer({ jwksUri: issuer })).toThrow(`jwksUri of issuer ${ISS} ${problem}`)
    }
  })

  it.each([
    'http://127.0.0.1:8080',
    'http://localhost',
    'http://[::1]:1/x',
    'https://as.test/',
    'https://as.test/a/b',
  ])('is a URL from which keys may be fetched, like %s', (issuer) => {
    expect(() => construct({ issuer })).not.toThrow()
  })

  it('may be http beyond loopback only with allowInsecureHttp', () => {
    expect(() =>
      construct({ issuer: { issuer: 'http://as', allowInsecureHttp: true } }),
    ).not.toThrow()
    expect(() =>
      construct({
        issuer: { issuer: 'http://as', jwksUri: 'http://keys/', allowInsecureHttp: true },
      }),
    ).not.toThrow()
    expectRefused(
      ['true', 1, null, {}],
      (allowInsecureHttp) => construct({ issuer: { issuer: 'http://as', allowInsecureHttp } }),
      'issuer.allowInsecureHttp must be true or false',
    )
  })

  it.each(['https://AS.test/a/b', 'https://as.test:443'])(
    'must equal its own parsed form if its metadata is fetched, unlike %s',
    (issuer) => {
      expect(() => construct({ issuer })).toThrow('is not in its parsed form')
      expect(() => withIssuer({ jwksUri: issuer })).not.toThrow()
    },
  )

  const withoutDiscovery = [
    'http://sts.as.test/adfs/services/trust',
    'http://as.test/a/../b',
    'urn:example:as',
    'example',
    'ex\u00e4mple ?#',
    'https://user@as.test/?a#b',
  ]

  it.each(withoutDiscovery)('without discovery may be any string: %s', async (issuer) => {
    await accepts(fixtureValidator({ issuer: { issuer, jwks } }), t0({ iss: issuer }))
    const fetched: unknown[] = []
    const remote = fixtureValidator({
      issuer: { issuer, jwksUri: 'https://keys.test/' },
      fetch: async (url) => {
        fetched.push(url)
        return Response.json(jwks)
      },
    })
    await accepts(remote, t0({ iss: issuer }))
    expect(fetched).toEqual(['https://keys.test/'])
    expect(() => construct({ issuer })).toThrow(TypeError)
  })

  it('without discovery must be printable and not empty', () => {
    expectRefused(
      ['', undefined, null, 5, ['a'], {}],
      (issuer) => construct({ issuer: { issuer, jwks } }),
      'is not a string that is not empty',
    )
    expectRefused(
      ['a\nb', 'a\u202eb', 'a\u00adb', '\ud800', '\0'],
      (issuer) => construct({ issuer: { issuer, jwks } }),
      'has a character that cannot be printed',
    )
  })

  it('allowInsecureHttp applies to the URLs that are fetched', () => {
    const issuer = 'http://as.test'
    const secure = { issuer, jwksUri: 'https://as.test/jwks' }
    expect(() => construct({ issuer: secure })).not.toThrow()
    expect(() => construct({ issuer: { issuer, jwksUri: 'http://as.test/jwks' } })).toThrow(
      `jwksUri of issuer ${issuer} is an http URL beyond loopback`,
    )
  })

  it('is named in messages on one line and in at most 200 characters', () => {
    const issuer = `\n\u202e${'x'.repeat(900)}`
    for (const options of [issuer, { issuer, jwks }, { issuer, jwksUri: 'x' }]) {
      let message = ''
      try {
        construct({ issuer: options })
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toContain('issuer')
      expect(message).toMatch(/^[\x20-\x7e]{1,300}$/)
    }
  })

  it('cannot be listed twice, and differs from an issuer with a slash at the end', () => {
    const twice = [ISS, { issuer: ISS, jwks }]
    expect(() => construct({ issuer: twice })).toThrow(`issuer ${ISS} is listed twice`)
    expect(() => construct({ issuer: [ISS, `${ISS}/`] })).not.toThrow()
  })

  it('cannot have both jwks and jwksUri', () => {
    expect(() => withIssuer({ jwks, jwksUri: 'https://as.test/jwks' })).toThrow(
      `issuer ${ISS} has both jwks and jwksUri: set one of them`,
    )
    expectRefused(
      [null, 5, '', 'jwks', '/jwks', {}],
      (jwksUri) => withIssuer({ jwksUri }),
      'jwksUri of issuer',
    )
    expect(() => withIssuer({ jwksUri: 'https://as.test/jwks?v=1' })).not.toThrow()
  })

  it('F-cfg2 must have a usable key if its keys are configured', () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'a' }
    expectRefused(
      [null, {}, [], 'keys', { keys: [] }, { keys: {} }, { keys: [secret] }, { keys: [null] }],
      (value) => withIssuer({ jwks: value }),
      `jwks of issuer ${ISS}`,
    )
  })

  it('may be one of several, each with its own rules and keys', async () => {
    const other = 'https://other.test'
    const validator = fixtureValidator({
      issuer: [
        { issuer: ISS, jwks: { keys: [rsa1.jwk] } },
        {
          issuer: other,
          jwks: { keys: [ec1.jwk] },
          audience: 'b',
          profile: 'jwt',
          scopeClaim: 'scp',
        },
      ],
    })
    await accepts(validator, t0())
    await accepts(validator, t0({ iss: other, aud: 'b', jti: undefined }, { typ: 'JWT' }, ec1))
    await refuses(validator, t0({ iss: other, aud: 'b' }), 'unknown_key')
    await refuses(validator, t0({}, {}, ec1), 'unknown_key')
    await refuses(validator, t0({ iss: other }, {}, ec1), 'wrong_audience')
    await refuses(validator, t0({}, { typ: 'JWT' }), 'wrong_type')
  })
})

describe('issuer as a function', () => {
  const resolve = (options: unknown) => {
    const { issuers } = read({ issuer: () => options })
    return typeof issuers === 'function' ? issuers(ISS) : expect.fail('no function')
  }

  it('returns options or undefined, also through a promise', async () => {
    expect(await resolve(undefined)).toBeUndefined()
    expect(await resolve(Promise.resolve({ issuer: ISS }))).toMatchObject({ issuer: ISS })
  })

  it.each([ISS, 5, true])('must not return %j', async (options) => {
    await expect(resolve(options)).rejects.toThrow(
      new TypeError('issuer, as a function, must return issuer options or undefined'),
    )
  })

  it('must return the options of the issuer that it was called with', async () => {
    await expect(resolve({ issuer: 'https://other.test' })).rejects.toThrow(
      new TypeError(
        'issuer, as a function, must return options of the issuer that it was called with',
      ),
    )
  })
})

describe('the messages about an issuer', () => {
  it('name what is in its place if it is no text', () => {
    for (const issuer of [5, null, {}]) {
      expect(() => construct({ issuer: { issuer } })).toThrow(
        new TypeError(`issuer ${printable(issuer)} is not an absolute URL`),
      )
    }
  })

  it('name the issuer with wrong decryption keys', () => {
    expect(() => withIssuer({ jwks, decryptionKeys: {} })).toThrow(
      new TypeError(`decryptionKeys of issuer ${ISS} must be a JWK Set with 1 to 16 private keys`),
    )
  })
})

describe('the audiences of an API', () => {
  const other = 'https://other.test'

  it('are those of the validator and of every listed issuer, each once', () => {
    const issuer = [ISS, { issuer: other, audience: ['b', AUD] }]
    expect(read({ issuer, audience: AUD }).audiences).toEqual([AUD, 'b'])
    expect(read({ issuer, audience: false }).audiences).toEqual(['b', AUD])
    expect(read({ issuer: ISS, audience: false }).audiences).toEqual([])
  })

  it('are those of the validator if issuer is a function', () => {
    expect(read({ issuer: () => undefined, audience: AUD }).audiences).toEqual([AUD])
  })
})
