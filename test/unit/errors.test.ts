import { inspect } from 'node:util'
import {
  AccessTokenError,
  type AnyAccessTokenError,
  DpopNonceRequiredError,
  InsufficientAuthenticationError,
  InsufficientScopeError,
  InvalidDpopProofError,
  InvalidRequestError,
  InvalidTokenError,
  invalidDpopProofReasons,
  invalidTokenReasons,
  MissingTokenError,
  ServiceUnavailableError,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { printable, slashHint } from '../../src/internal/printable.ts'
import { createApi } from '../support/checked-validator.ts'
import { ISS, t0 } from '../support/fixture.ts'

const cause = new Error('the real failure')

type Case = [
  name: string,
  create: () => AccessTokenError,
  status: number,
  code: string,
  expose: boolean,
  hasBody: boolean,
]

const cases: Case[] = [
  ['MissingTokenError', () => new MissingTokenError(['a']), 401, 'missing_token', true, false],
  [
    'InvalidRequestError',
    () => new InvalidRequestError('Said once'),
    400,
    'invalid_request',
    true,
    true,
  ],
  ['InvalidTokenError', () => new InvalidTokenError('expired'), 401, 'invalid_token', true, true],
  [
    'InvalidDpopProofError',
    () => new InvalidDpopProofError('too_old'),
    401,
    'invalid_dpop_proof',
    true,
    true,
  ],
  [
    'DpopNonceRequiredError',
    () => new DpopNonceRequiredError('n'),
    401,
    'use_dpop_nonce',
    true,
    true,
  ],
  [
    'InsufficientScopeError',
    () => new InsufficientScopeError(['a']),
    403,
    'insufficient_scope',
    true,
    true,
  ],
  [
    'InsufficientAuthenticationError',
    () => new InsufficientAuthenticationError({ maxAge: 5 }),
    401,
    'insufficient_user_authentication',
    true,
    true,
  ],
  [
    'ServiceUnavailableError',
    () => new ServiceUnavailableError('keys', 7),
    503,
    'service_unavailable',
    false,
    false,
  ],
]

describe.each(cases)('%s', (name, create, status, code, expose, hasBody) => {
  it('has a literal code and status, and a clean name', () => {
    const error = create()
    expect(error).toBeInstanceOf(AccessTokenError)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name, status, code, expose })
    expect(Object.prototype.toString.call(error)).toBe('[object Error]')
    expect(Object.keys(error)).not.toContain('name')
  })

  it('has a body with its message, or no body', () => {
    const error = create()
    const body = { error: code, error_description: error.message }
    expect(error.body).toEqual(hasBody ? body : undefined)
  })

  it('has no stack, because it is an expected result', () => {
    const error = create()
    expect(error.stack).toBe(`${name}: ${error.message}`)
  })

  it('has no headers and no cause before a validator completed it', () => {
    const error = create()
    expect(error.headers).toEqual({})
    expect(error).not.toHaveProperty('cause')
  })
})

describe('an error', () => {
  it('does not change the stack limit of other errors', () => {
    const limit = Error.stackTraceLimit
    new InvalidTokenError('expired')
    expect(Error.stackTraceLimit).toBe(limit)
    expect(new Error('x').stack).toMatch(/errors\.test/)
  })

  it('has the cause and the detail for the operator', () => {
    const detail = { name: 'exp', actual: '1' }
    expect(new InvalidTokenError('expired', detail, cause)).toMatchObject({ detail, cause })
    expect(new ServiceUnavailableError('keys', 1, detail, cause)).toMatchObject({ detail, cause })
    expect(new InsufficientScopeError(['a'], detail)).toMatchObject({ detail, scopes: ['a'] })
    expect(new ServiceUnavailableError('keys', 7).retryAfter).toBe(7)
    expect(new InsufficientAuthenticationError({ scopes: ['a'] }, detail)).toMatchObject({
      detail,
      acrValues: [],
      maxAge: undefined,
      scopes: ['a'],
    })
    expect(new InsufficientAuthenticationError({}).scopes).toEqual([])
    expect(new InvalidRequestError('Said once').detail).toEqual({ hint: 'Said once' })
    expect(new MissingTokenError().scopes).toEqual([])
    expect(new MissingTokenError(['a', 'b']).scopes).toEqual(['a', 'b'])
  })

  it('is narrowed by its code', () => {
    const texts = cases.map(([, create]) => summarize(create() as AnyAccessTokenError))
    expect(texts).toEqual(['a', 'Said once', 'expired', 'too_old', 'n', 'a', '5', '7'])
  })

  function summarize(error: AnyAccessTokenError): string {
    switch (error.code) {
      case 'missing_token':
      case 'insufficient_scope':
        return error.scopes.join()
      case 'invalid_request':
        return error.message
      case 'use_dpop_nonce':
        return error.nonce
      case 'invalid_dpop_proof':
      case 'invalid_token':
        return error.reason
      case 'insufficient_user_authentication':
        return String(error.maxAge)
      case 'service_unavailable':
        return String(error.retryAfter)
    }
  }
})

describe('the reasons why a token is refused', () => {
  it('are a closed list', () => {
    expect([...invalidTokenReasons].sort()).toEqual([
      'bad_signature',
      'binding_mismatch',
      'critical_header',
      'decryption_failed',
      'encrypted',
      'expired',
      'inactive',
      'invalid_claim',
      'issued_in_future',
      'malformed',
      'missing_claim',
      'not_encrypted',
      'not_yet_valid',
      'revoked',
      'too_old',
      'unknown_key',
      'unsupported_binding',
      'wrong_algorithm',
      'wrong_audience',
      'wrong_issuer',
      'wrong_type',
    ])
  })

  it.each(invalidTokenReasons)('%s has one sentence in the characters of RFC 6750', (reason) => {
    const { message, body } = new InvalidTokenError(reason, { actual: '"\n' }, cause)
    expect(message).toMatch(/^[A-Z][\x20-\x21\x23-\x5b\x5d-\x7e]+[^.]$/)
    expect(message.length).toBeLessThan(100)
    expect(body).toEqual({ error: 'invalid_token', error_description: message })
  })

  it('have one sentence each', () => {
    const sentences = invalidTokenReasons.map((reason) => new InvalidTokenError(reason).message)
    expect(new Set(sentences).size).toBe(invalidTokenReasons.length)
  })
})

describe('the reasons of refused DPoP proofs', () => {
  it.each(invalidDpopProofReasons)(
    '%s has one sentence in the characters of RFC 6750',
    (reason) => {
      const { message, body } = new InvalidDpopProofError(reason, { actual: '"\n' })
      expect(message).toMatch(/^[A-Z][\x20-\x21\x23-\x5b\x5d-\x7e]+[^.]$/)
      expect(body).toEqual({ error: 'invalid_dpop_proof', error_description: message })
    },
  )

  it('have one sentence each', () => {
    const sentences = invalidDpopProofReasons.map((reason) => new InvalidDpopProofError(reason))
    expect(new Set(sentences.map(({ message }) => message)).size).toBe(17)
  })

  it('include none that a nonce answers: that error carries the nonce', () => {
    expect(new DpopNonceRequiredError('abc', { hint: 'h' })).toMatchObject({
      nonce: 'abc',
      detail: { hint: 'h' },
    })
  })
})

describe('the detail for the operator', () => {
  it.each([
    ['text', 'text'],
    ['', ''],
    ['a\r\nb\tc\0d\u007fe\u0085f\u2028g\u2029h', 'a??b?c?d?e?f?g?h'],
    ['\ud800x\udfff', '?x?'],
    ['\u001b[31mred', '?[31mred'],
    ['é☃', 'é☃'],
    ['x'.repeat(500), 'x'.repeat(200)],
    [`${'x'.repeat(199)}\n\n`, `${'x'.repeat(199)}?`],
    [1, '1'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{ toString: () => 'never called' }, 'object'],
    [[], ''],
    [['a', 'b\n', 1, null, ['c'], {}], 'a b? number object object object'],
    [Array(1_000).fill('a'), 'a a a a a a a a a a'],
    [Array(10).fill('x'.repeat(100)), `${'x'.repeat(100)} ${'x'.repeat(99)}`],
  ])('is one line of 200 characters at most: %j', (value, text) => {
    expect(printable(value)).toBe(text)
  })

  it('has a hint if two identifiers differ by one slash at the end, and only then', () => {
    const hint = expect.stringMatching(/slash at the end/)
    expect(slashHint('https://a', 'https://a/')).toEqual(hint)
    expect(slashHint('https://a/', 'https://a')).toEqual(hint)
    for (const other of ['https://a', 'https://a//', 'https://b/', 'https://A/', '/', '']) {
      expect(slashHint('https://a', other)).toBeUndefined()
    }
  })

  it('names the claim, the expected and the actual value, the issuer, algorithm and key', async () => {
    const api = createApi()
    const { detail } = await api.refuses(t0({ aud: ['x', 'y\n'] }), 'wrong_audience')
    expect(detail).toEqual({
      name: 'aud',
      expected: 'https://rs.test/api',
      actual: 'x y?',
      issuer: ISS,
      algorithm: 'RS256',
      kid: 'rsa1',
    })
    expect(
      (await api.refuses(t0({}, { kid: undefined, alg: 'x\n' }), 'wrong_algorithm')).detail,
    ).toEqual({
      name: 'alg',
      expected: expect.stringMatching(/^RS256 .* Ed25519$/),
      actual: 'x?',
      issuer: ISS,
      algorithm: 'x?',
    })
    expect((await api.refuses(t0({ iss: 'x' }), 'wrong_issuer')).detail).toEqual({
      name: 'iss',
      expected: ISS,
      actual: 'x',
    })
  })

  it('cannot be forged by the content of a token', async () => {
    const api = createApi()
    const line = `${'x'.repeat(300)}\r\n\u001b[2Jlevel=info "`
    for (const [claims, header] of [
      [{ aud: line }, {}],
      [{ aud: [line, line] }, {}],
      [{ iss: line }, {}],
      [{ exp: line }, {}],
      [{}, { kid: line }],
      [{}, { typ: line }],
      [{}, { alg: line }],
    ]) {
      const error = await api.validator.validate(t0(claims, header)).catch((reason) => reason)
      for (const value of Object.values(error.detail)) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
        expect(value).toMatch(/^[^\u0000-\u001f\u007f-\u009f]{0,200}$/)
      }
    }
  })

  it('is as safe if a valid token has unusual scopes', async () => {
    const error = await createApi()
      .validator.validate(t0({ scope: `a\r\nlevel=info ${'x'.repeat(300)}` }), { scopes: 'b' })
      .catch((reason) => reason)
    expect(error.detail.actual).toBe(`a??level=info ${'x'.repeat(186)}`)
  })
})

describe('the response to the client', () => {
  it('has the same sentence for any content of the token', async () => {
    const api = createApi()
    const one = await api.refuses(t0({ aud: 'one' }), 'wrong_audience')
    const two = await api.refuses(t0({ aud: '", error="none' }, { kid: '\\"' }), 'wrong_audience')
    expect(one.headers).toEqual(two.headers)
    expect(one.body).toEqual(two.body)
  })

  it('contains nothing from the detail for the operator', async () => {
    const error = await createApi({ realm: 'api' })
      .validator.validate(t0({ aud: 'https://secret.test' }))
      .catch((reason) => reason)
    const answer = JSON.stringify([error.headers, error.body, error.message])
    expect(answer).not.toMatch(/secret|rs\.test|as\.test|rsa1/)
    expect(inspect(error)).toMatch(/secret\.test/)
  })

  it('has the realm with escaped quotes', async () => {
    const { validator } = createApi({ realm: 'my "API" \\ x' })
    await expect(validator.validate('x')).rejects.toMatchObject({
      headers: {
        'WWW-Authenticate': [expect.stringMatching(/^Bearer realm="my \\"API\\" \\\\ x", /)],
      },
    })
  })

  it('has a challenge without error, but with the scopes, if the token is missing', async () => {
    const { validator } = createApi()
    const error = await validator.authenticate({ headers: {} }, { scopes: 'a b' }).catch((e) => e)
    expect(error).toBeInstanceOf(MissingTokenError)
    expect(error.headers).toEqual({
      'WWW-Authenticate': ['Bearer realm="https://rs.test/api", scope="a b"'],
      'Cache-Control': 'no-store',
    })
    expect(error.body).toBeUndefined()
  })
})

describe('ServiceUnavailableError', () => {
  it('does not show its cause, which may contain secrets, when it is serialized or copied', () => {
    const failure = Object.assign(new Error('connect'), { config: { password: 'pa55' } })
    const error = new ServiceUnavailableError('replay_store', 1, {}, failure)
    expect(error.cause).toBe(failure)
    expect(JSON.stringify([error, { ...error }])).not.toContain('pa55')
    expect(Object.keys(error)).not.toContain('message')
  })

  it.each([
    ['keys', 'The keys of the authorization server are unavailable'],
    ['introspection', 'The access token cannot be introspected at present'],
    ['replay_store', 'The store of used DPoP proofs is unavailable'],
    ['issuer_resolver', 'The configuration of the issuer is unavailable'],
    ['revocation', 'The revocation status of the access token is unavailable'],
  ] as const)('has a fixed message for the service %s', (service, message) => {
    expect(new ServiceUnavailableError(service, 1).message).toBe(message)
  })
})
