import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import {
  checkTokenPrefixes,
  type IntrospectionOptions,
  resolveIntrospection,
} from '../../../src/options/introspection.ts'
import { ISS } from '../../support/fixture.ts'

const basic = { method: 'client_secret_basic', clientId: 'rs', clientSecret: 'hush' }
const context = { issuer: ISS, allowInsecureHttp: false, resource: undefined }
const resolve = (options: unknown, more = {}) =>
  resolveIntrospection(options, { ...context, ...more })
const withAuthentication = (authentication: unknown) => resolve({ authentication })

const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })
const p256 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
const p384 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)
const ed25519 = jwkOf(generateKeyPairSync('ed25519').privateKey)
const x25519 = jwkOf(generateKeyPairSync('x25519').privateKey)
const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
const small = jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)
const { d: _, ...publicKey } = p256
const jwt = (changes: object) => ({ method: 'private_key_jwt', clientId: 'rs', ...changes })

afterEach(() => {
  Reflect.deleteProperty(Object.prototype, 'endpoint')
  Reflect.deleteProperty(Object.prototype, 'clientSecret')
})

describe('introspection', () => {
  it('is absent if it is undefined', () => {
    expect(resolve(undefined)).toBeUndefined()
  })

  it('has defaults', () => {
    expect(resolve({ authentication: basic })).toEqual({
      authentication: { ...basic, encoding: 'form' },
      endpoint: undefined,
      tokens: 'opaque',
      tokenPrefix: undefined,
      maxAge: 10,
      inactiveMaxAge: 5,
      signedFor: undefined,
    })
  })

  it('accepts signed responses for the client id and for the identifier of this API', () => {
    const signedFor = (more: object) =>
      resolve({ authentication: basic, signed: true }, more)?.signedFor
    expect(signedFor({})).toEqual(['rs'])
    expect(signedFor({ resource: 'https://api.test' })).toEqual(['rs', 'https://api.test'])
  })

  it.each<[string, unknown]>([
    ['issuer.introspection takes an object', null],
    ['issuer.introspection takes an object', 'https://as.test/introspect'],
    ['issuer.introspection has no option "clientId"', { authentication: basic, clientId: 'rs' }],
    ['issuer.introspection.authentication takes an object', {}],
    ['issuer.introspection.endpoint is not', { authentication: basic, endpoint: '/introspect' }],
    [
      'issuer.introspection.endpoint is an http',
      { authentication: basic, endpoint: 'http://a.b/' },
    ],
    ['issuer.introspection.tokens must', { authentication: basic, tokens: 'jwt' }],
    ['issuer.introspection.tokenPrefix must', { authentication: basic, tokenPrefix: '' }],
    ['issuer.introspection.tokenPrefix must', { authentication: basic, tokenPrefix: 'a b' }],
    ['issuer.introspection.maxAge must', { authentication: basic, maxAge: 10_000 }],
    ['issuer.introspection.maxAge must', { authentication: basic, maxAge: -1 }],
    ['issuer.introspection.inactiveMaxAge must', { authentication: basic, inactiveMaxAge: '5' }],
    ['issuer.introspection.signed must', { authentication: basic, signed: 1 }],
    [
      'issuer.introspection.signed needs authentication.clientId',
      { authentication: { method: 'none' }, signed: true },
    ],
  ])('throws: %s (%#)', (message, options) => {
    expect(() => resolve(options)).toThrow(TypeError)
    expect(() => resolve(options)).toThrow(message)
  })

  it('requires the endpoint if the metadata of the issuer cannot be fetched', () => {
    const issuer = 'urn:example:issuer'
    expect(() => resolve({ authentication: basic }, { issuer })).toThrow(
      'issuer.introspection.endpoint is required, because the issuer is not an absolute URL',
    )
    const endpoint = 'https://as.test/introspect'
    expect(resolve({ authentication: basic, endpoint }, { issuer })).toMatchObject({ endpoint })
  })

  it('reads own properties only', () => {
    Object.assign(Object.prototype, { endpoint: 'https://evil.test', clientSecret: 'x' })
    expect(resolve({ authentication: basic })?.endpoint).toBeUndefined()
    const { clientSecret, ...incomplete } = basic
    expect(clientSecret).toBe('hush')
    expect(() => withAuthentication(incomplete)).toThrow('clientSecret must be')
  })
})

describe('introspection.authentication', () => {
  it.each<[string, unknown]>([
    ['takes an object with method', null],
    ['takes an object with method', []],
    ['takes an object with method', { method: 'client_secret_jwt' }],
    ['takes an object with method', { method: 'toString' }],
    [
      'takes an object with method: client_secret_basic, client_secret_post, private_key_jwt, ' +
        'tls_client_auth, none, bearer',
      { method: ['none'] },
    ],
    ['.clientId must be', { ...basic, clientId: '' }],
    ['.clientSecret must be', { ...basic, clientSecret: undefined }],
    ['.encoding must be', { ...basic, encoding: 'base64' }],
    ['.clientId must not have a colon', { ...basic, clientId: 'a:b', encoding: 'raw' }],
    [' has no option "encoding"', { ...basic, method: 'client_secret_post', encoding: 'raw' }],
    [' has no option "clientSecret"', { ...basic, method: 'none' }],
    ['.clientId must be', { method: 'tls_client_auth', clientId: 1 }],
    ['.token is missing', { method: 'bearer' }],
    ['.token must be a function', { method: 'bearer', token: 'abc' }],
    ['.key must be a private JWK', jwt({})],
    ['.key must be a private JWK', jwt({ key: publicKey })],
    ['.key must be a private JWK', jwt({ key: { kty: 'oct', k: 'AAAA' } })],
    ['.key must be a private JWK', jwt({ key: { kty: 'oct', k: 'AAAA', d: 'AAAA' } })],
    ['.key must be a private JWK', jwt({ key: { ...p256, d: '' } })],
    ['.key must be a private JWK', jwt({ key: { ...rsa, kty: 'EC' } })],
    ['.key must be a private JWK', jwt({ key: { ...p256, x: 'AAAA' } })],
    ['.key has a use other than sig', jwt({ key: { ...p256, use: 'enc' } })],
    ['.key must have at least 2048 bits', jwt({ key: small })],
    ['.algorithm must be one of ES256', jwt({ key: p256, algorithm: 'RS256' })],
    ['.algorithm must be one of RS256, RS384, RS512, PS256', jwt({ key: rsa, algorithm: 'HS256' })],
    ['.key.alg must be one of ES256', jwt({ key: { ...p256, alg: 'ES384' } })],
    ['.key.alg must be that of a key for signatures', jwt({ key: x25519 })],
    ['.audience must be', jwt({ key: p256, audience: '' })],
  ])('throws: %s (%#)', (message, authentication) => {
    expect(() => withAuthentication(authentication)).toThrow(TypeError)
    expect(() => withAuthentication(authentication)).toThrow(
      `issuer.introspection.authentication${message.startsWith('.') ? '' : ' '}${message.trimStart()}`,
    )
  })

  it('never shows a secret or a key in an error', () => {
    for (const authentication of [
      { ...basic, clientId: '' },
      { ...basic, encoding: 'hex' },
      jwt({ key: { ...p256, d: 'AAAA', y: 'BBBB' } }),
    ]) {
      try {
        withAuthentication(authentication)
        expect.unreachable()
      } catch (error) {
        const shown = inspect(error, { depth: 9, showHidden: true })
        for (const secret of ['hush', 'AAAA', p256.x]) expect(shown).not.toContain(secret)
      }
    }
  })

  it.each([
    ['ES256', { key: p256 }],
    ['ES384', { key: p384 }],
    ['EdDSA', { key: ed25519 }],
    ['RS256', { key: rsa }],
    ['PS512', { key: { ...rsa, alg: 'PS512', use: 'sig' } }],
    ['PS256', { key: { ...rsa, alg: 'PS512' }, algorithm: 'PS256' }],
  ])('signs with %s (%#)', (algorithm, changes) => {
    expect(withAuthentication(jwt(changes))?.authentication).toMatchObject({
      algorithm,
      audience: ISS,
      kid: undefined,
    })
  })

  it('takes the audience and the kid that are given', () => {
    const given = jwt({ key: { ...p256, kid: 'k1' }, audience: 'https://as.test/introspect' })
    expect(withAuthentication(given)?.authentication).toMatchObject({
      kid: 'k1',
      audience: 'https://as.test/introspect',
    })
  })

  it('keeps a key that the application changes later', () => {
    const key = { ...p256 }
    const resolved = withAuthentication(jwt({ key }))
    key.d = 'AAAA'
    const { authentication } = resolved as { authentication: { key: KeyObject } }
    expect(authentication.key.export({ format: 'jwk' })).toMatchObject({ d: p256.d })
  })
})

describe('tokenPrefix', () => {
  const issuer = (tokenPrefix?: string) => {
    const options = { authentication: basic, tokenPrefix } as IntrospectionOptions
    return { issuer: ISS, introspection: resolve(options) }
  }
  const jwtOnly = { issuer: ISS, introspection: undefined }

  it('may be absent for one issuer with introspection', () => {
    expect(() => checkTokenPrefixes([issuer(), jwtOnly, issuer('a_'), issuer('b_')])).not.toThrow()
  })

  it('is required for all but one', () => {
    expect(() => checkTokenPrefixes([issuer(), issuer()])).toThrow(
      'issuer.introspection.tokenPrefix is required for all but one',
    )
  })

  it('cannot be the same for two issuers', () => {
    expect(() => checkTokenPrefixes([issuer('a_'), issuer('a_')])).toThrow(
      'issuer.introspection.tokenPrefix "a_" is set for two issuers',
    )
  })
})
