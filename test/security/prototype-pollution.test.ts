/**
 * Properties of `Object.prototype` are not read as members of keys, metadata, headers or requests.
 * Options have their own test.
 */
import { createPublicKey } from 'node:crypto'
import { type AccessTokenError, createValidator, type HttpRequest } from 'oauth-resource-server'
import { authenticate as authenticateExpress } from 'oauth-resource-server/express'
import { authenticate as authenticateHttp } from 'oauth-resource-server/http'
import { afterEach, describe, expect, it } from 'vitest'
import { importJwk } from '../../src/keys/jwk-import.ts'
import { readKeySet } from '../../src/keys/key-set.ts'
import { createDpopVerifier } from '../../src/proof/dpop-verifier.ts'
import {
  jkt1,
  kc2,
  makeProof,
  requestWith,
  soleIssuer,
  startTime,
  token,
  uri,
} from '../support/dpop.ts'
import { AUD, ec1, fixtureValidator, ISS, jwks, makeKey, rsa1, t0 } from '../support/fixture.ts'
import {
  createApi as createIntrospectingApi,
  startAuthorizationServer,
} from '../support/introspection.ts'
import { outcomeOf, simulateIssuer, status } from '../support/simulated-issuer.ts'

const added: string[] = []

function pollute(members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
    added.push(name)
  }
}

function removeAdded(): void {
  for (const name of added.splice(0)) Reflect.deleteProperty(Object.prototype, name)
}

afterEach(removeAdded)

const readCode = (error: Partial<AccessTokenError>) => error.code

const attacker = makeKey('RS256', 'attacker')

describe('a property of Object.prototype', () => {
  it.each([
    ['alg', 'ES256'],
    ['kid', 'other'],
    ['use', 'enc'],
    ['key_ops', ['sign']],
    ['crv', 'P-521'],
  ])('is not the member %s of a JWK', (name, value) => {
    const bare = [rsa1, ec1].map(({ jwk: { kty, crv, n, e, x, y } }) =>
      Object.fromEntries(Object.entries({ kty, crv, n, e, x, y }).filter(([, text]) => text)),
    )
    const read = () => {
      const set = readKeySet({ keys: bare })
      const keys = [...(set?.keys.entries() ?? [])]
      return keys.map(([identity, { kid, alg, keyType }]) => [identity, kid, alg, keyType])
    }
    const expected = read()
    expect(expected).toHaveLength(2)
    pollute({ [name]: value })
    expect(read()).toEqual(expected)
  })

  it('is not the key of a JWK, nor a key set', () => {
    const { kty, n, e } = attacker.jwk
    pollute({ kty, n, e, keys: [attacker.jwk] })
    expect(readKeySet({ keys: [{ kid: 'attacker' }] })?.keys.size).toBe(0)
    expect(readKeySet({})).toBeUndefined()
  })

  it('is not the URL of the keys in metadata', async () => {
    const issuer = simulateIssuer([attacker.jwk])
    issuer.metadata = () => Response.json({ issuer: ISS })
    const { validate } = issuer.validator()
    pollute({ jwks_uri: 'https://evil.test/jwks' })
    expect(await outcomeOf(validate(t0({}, {}, attacker)))).toBe('X503')
    expect(issuer.count().jwks).toBe(0)
  })

  it('is not the issuer in metadata', async () => {
    const issuer = simulateIssuer()
    issuer.metadata = () => Response.json({ jwks_uri: `${ISS}/jwks` })
    pollute({ issuer: ISS })
    const { validate } = createValidator({
      ...issuer.options(),
      // Without the options of the fixture, which read the prototype.
      issuer: ISS,
    })
    expect(await outcomeOf(validate(t0()))).toBe('X503')
  })

  it('is not the kid of a token', async () => {
    const { validate } = fixtureValidator()
    const token = t0({}, { kid: undefined })
    pollute({ kid: 'unknown' })
    await expect(validate(token)).resolves.toMatchObject({ issuer: ISS })
  })

  it('is not the key of a token whose kid no key has', async () => {
    const { validate } = fixtureValidator()
    const key = createPublicKey({ key: attacker.jwk, format: 'jwk' })
    const keyObject = key.export({ type: 'spki', format: 'pem' })
    pollute({ 0: { keyObject, modulusLength: 256 } })
    const outcome = validate(t0({}, { kid: 'attacker' }, attacker))
    await expect(outcome).rejects.toMatchObject({ reason: 'unknown_key' })
  })

  it.each([
    { headers: { authorization: [] } },
    { url: '/?page=2', headers: {} },
    { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: {} },
  ])('is not the token of the request %j', async (request) => {
    const { authenticate } = fixtureValidator({ tokenLocations: ['header', 'body', 'query'] })
    const token = t0()
    pollute({
      0: 'headers' in request && 'authorization' in request.headers ? `Bearer ${token}` : token,
    })
    const outcome = authenticate(request as unknown as HttpRequest)
    await expect(outcome).rejects.toMatchObject({ code: 'missing_token' })
  })

  it.each([{ rawHeaders: ['Host', 'rs.test'] }, { headersDistinct: {} }, {}])(
    'is not the Authorization header field of a request with %j',
    async (shape) => {
      const { authenticate } = fixtureValidator()
      pollute({ authorization: `Bearer ${t0()}`, Authorization: `Bearer ${t0()}` })
      const outcome = authenticate({ headers: { host: 'rs.test' }, ...shape })
      await expect(outcome).rejects.toMatchObject({ code: 'missing_token' })
    },
  )

  it('is not an option of an outbound request', async () => {
    const inits: object[] = []
    const { validate } = createValidator({
      issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
      audience: AUD,
      fetch: async (_, init) => {
        inits.push(init)
        return Response.json(jwks)
      },
    })
    const token = t0()
    pollute({ method: 'POST', body: 'x', dispatcher: {} })
    await validate(token)
    expect(inits).toHaveLength(1)
    for (const name of ['method', 'body', 'dispatcher'])
      expect(name in (inits[0] ?? {})).toBe(false)
    expect(status(204).status).toBe(204)
  })

  it('is neither read as a member of an introspection response nor sent as a parameter', async () => {
    const server = await startAuthorizationServer(() => ({}))
    const api = createIntrospectingApi(server)
    pollute({ active: true, aud: AUD, exp: 4e9, client_secret: 'x', method: 'GET' })
    expect(await api.outcomeFor('opaque')).toBe('503')
    const [request] = server.received
    expect(request?.method).toBe('POST')
    expect([...(request?.form.keys() ?? [])]).toEqual(['token', 'token_type_hint'])
    server.respond = () => ({ active: true })
    expect(await api.outcomeFor('other')).toBe('401 missing_claim')
  })

  it('is not the result for an opaque token that was not accepted', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const api = createIntrospectingApi(server)
    const codeFor = (token: string) => api.introspect(token).then(() => 'OK', readCode)
    pollute({ value: { issuer: { issuer: server.origin }, scopes: ['admin'], expiresAt: 4e9 } })
    const codes = [await codeFor('inactive'), await codeFor('inactive')]
    server.respond = () => ({})
    codes.push(await codeFor('other'))
    // Before the assertions, because they define accessors, which fails with an inherited `value`.
    removeAdded()
    expect(codes).toEqual(['invalid_token', 'invalid_token', 'service_unavailable'])
    expect(server.received).toHaveLength(2)
  })

  it('is not the key of a DPoP proof', async () => {
    const { verify } = createDpopVerifier({
      algorithms: ['ES256'],
      maxAge: 60,
      clockTolerance: 0,
      required: false,
      nonce: undefined,
      replayStore: undefined,
      now: () => startTime * 1000,
    })
    const { d, ...jwk } = kc2.jwk
    const key = { ...Object(importJwk(jwk)), keyObject: { key: jwk, format: 'jwk' } }
    const request = requestWith(makeProof({}, {}, kc2))
    pollute({ key, jkt: jkt1 })
    const outcome = verify({ request, targetUri: uri, token, jkt: jkt1, issuer: soleIssuer })
    await expect(outcome).rejects.toMatchObject({ reason: 'binding_mismatch' })
  })

  it.each(['text', {}, 1, true])(
    'does not make a result a promise when then is %j',
    async (then) => {
      const validator = fixtureValidator({ revoked: () => false })
      const request = () => ({ headers: { authorization: `Bearer ${t0()}` } })
      pollute({ then })
      for (const kind of ['new', 'cached']) {
        await expect(validator.validate(t0()), kind).resolves.toMatchObject({ issuer: ISS })
        await expect(authenticateHttp(validator)(request(), {}), kind).resolves.toMatchObject({
          issuer: ISS,
        })
      }
      await expect(validator.authenticate({ headers: {} })).rejects.toMatchObject({ status: 401 })
    },
  )

  it('does not make the result for a cached token a promise when then is a function', async () => {
    const validator = fixtureValidator({ revoked: () => false })
    const middleware = authenticateExpress(validator)
    const token = t0()
    await validator.validate(token)
    const passed: unknown[] = []
    const then = () => {}
    pollute({ then })
    middleware({ headers: { authorization: `Bearer ${token}` } }, {}, (error) => passed.push(error))
    expect(passed).toEqual([undefined])
  })
})
