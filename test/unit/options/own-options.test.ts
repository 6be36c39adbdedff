import { createValidator, type ValidatorOptions } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import { afterEach, describe, expect, it } from 'vitest'
import { readOwnOptions } from '../../../src/options/checks.ts'
import { resolveOptions } from '../../../src/options/resolve.ts'
import { compileRequirement } from '../../../src/requirement/requirement.ts'
import { AUD, fixtureOptions, ISS, jwks, rsa1, t0 } from '../../support/fixture.ts'

const added: string[] = []

/** Adds a property to Object.prototype. */
function pollute(name: string, value: unknown): void {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
  added.push(name)
}

afterEach(() => {
  for (const name of added.splice(0)) Reflect.deleteProperty(Object.prototype, name)
})

const untrusted = { issuer: 'https://evil.test', jwks: { keys: [rsa1.jwk] } }

/** For each option a valid value that would change what a validator does. */
const validatorOptions: [keyof ValidatorOptions, unknown][] = [
  ['issuer', untrusted],
  ['audience', false],
  ['profile', 'rfc9068'],
  ['algorithms', ['RS256']],
  ['clockTolerance', 300],
  ['maxTokenAge', 1],
  ['scopeClaim', 'other'],
  ['requirement', { scopes: 'other' }],
  ['tokenLocations', ['query']],
  ['realm', 'other'],
  ['keys', { timeout: 1 }],
  ['tokenCache', false],
  ['fetch', () => Promise.reject(new Error('not this one'))],
  ['now', () => 0],
  ['onEvent', () => {}],
]

const nested = [
  ['maxAge', 1],
  ['staleIfError', 0],
  ['timeout', 0.001],
  ['maxEntries', 1],
  ['scopes', 'other'],
  ['anyScope', 'other'],
  ['check', () => true],
] as const

const issuerOptions = [
  ['issuer', 'https://evil.test'],
  ['jwksUri', 'https://evil.test/jwks'],
  ['jwks', untrusted.jwks],
  ['audience', false],
  ['profile', 'rfc9068'],
  ['algorithms', ['RS256']],
  ['scopeClaim', 'other'],
  ['maxTokenAge', 1],
  ['allowInsecureHttp', true],
] as const

describe('a property of Object.prototype', () => {
  const bare: ValidatorOptions = {
    issuer: [ISS, { issuer: 'https://b.test' }],
    audience: AUD,
    requirement: { scopes: 'read:a' },
    keys: {},
    tokenCache: {},
  }
  const text = () => JSON.stringify({ ...resolveOptions(bare), fetch: undefined, now: undefined })

  it.each([...validatorOptions, ...nested, ...issuerOptions])(
    'is not taken for the option %s of a validator',
    (name, value) => {
      const before = resolveOptions(bare)
      const expected = text()
      pollute(name, value)
      expect(text()).toBe(expected)
      const after = resolveOptions(bare)
      expect(after.onEvent).toBe(before.onEvent)
      expect(String(after.now)).toBe(String(before.now))
      expect(String(after.fetch)).toBe(String(before.fetch))
    },
  )

  it.each(validatorOptions.slice(0, 2))('is not taken for the missing option %s', (name, value) => {
    pollute(name, value)
    const options = { ...fixtureOptions(), [name]: undefined }
    expect(() => createValidator(options as never)).toThrow(`${name} is missing`)
    Reflect.deleteProperty(options, name)
    expect(() => createValidator(options as never)).toThrow(`${name} is missing`)
  })

  it.each(issuerOptions)(
    'is not taken for the option %s of an issuer that a function returns',
    async (name, value) => {
      const { issuers } = resolveOptions({ ...bare, issuer: (issuer) => ({ issuer }) })
      if (typeof issuers !== 'function') throw new Error('not a function')
      const expected = await issuers(ISS)
      pollute(name, value)
      expect(await issuers(ISS)).toEqual(expected)
    },
  )

  it('does not switch off the audience of an issuer that a function returns', async () => {
    const validator = createValidator({
      issuer: (issuer) => ({ issuer, jwks }),
      audience: AUD,
    })
    pollute('audience', false)
    await expect(validator.validate(t0({ aud: 'https://other.test' }))).rejects.toMatchObject({
      reason: 'wrong_audience',
    })
  })

  it.each(nested.slice(4))('is not taken for the option %s of a requirement', (name, value) => {
    const options = name === 'scopes' ? { anyScope: 'a' } : { scopes: 'a' }
    const { check, ...expected } = compileRequirement(options, 'requirement')
    pollute(name, value)
    const compiled = compileRequirement({ ...options }, 'requirement')
    expect(compiled).toMatchObject(expected)
    expect(Object.hasOwn(compiled, 'check') && compiled.check).toBe(check)
  })

  it.each([
    ['optional', true],
    ['passErrors', true],
    ['requirement', { scopes: 'other' }],
  ])('is not taken for the option %s of authenticate', async (name, value) => {
    pollute(name, value)
    const middleware = authenticate(createValidator(fixtureOptions()), {})
    const response = {
      headersSent: false,
      statusCode: 0,
      headers: new Map<string, unknown>(),
      ended: false,
      getHeader: (header: string) => response.headers.get(header),
      setHeader: (header: string, text: unknown) => response.headers.set(header, text),
      removeHeader() {},
      end: () => {
        response.ended = true
      },
    }
    await middleware({ headers: {} } as never, response as never)
    expect(response).toMatchObject({ statusCode: 401, ended: true })
    expect(response.headers.get('WWW-Authenticate')).toEqual([`Bearer realm="${AUD}"`])
  })
})

describe('readOwnOptions', () => {
  it('copies the named own properties, including accessors and those that are not enumerable', () => {
    const value = Object.defineProperty({}, 'a', { value: 1 })
    Object.defineProperty(value, 'b', { get: () => 2 })
    const options = readOwnOptions<{ a: number; b: number; c: number }>(value, ['a', 'b', 'c'], 'x')
    expect(Object.entries(options)).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    expect(Object.getPrototypeOf(options)).toBeNull()
  })

  it('does not read what an instance inherits from its class', () => {
    class Options {
      get audience() {
        return AUD
      }
      issuer = ISS
    }
    expect(() => createValidator(new Options())).toThrow('audience is missing')
  })
})
