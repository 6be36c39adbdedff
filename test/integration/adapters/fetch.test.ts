/** Web-standard servers: behaviour that only this adapter has. `same.test.ts` compares the responses. */
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import {
  type AccessToken,
  createValidator,
  InsufficientScopeError,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { authenticate, resourceMetadata } from 'oauth-resource-server/fetch'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { refuseToFetch } from '../../support/adapters.ts'
import { fixtureOptions, fixtureValidator, ISS, t0 } from '../../support/fixture.ts'

const url = 'https://rs.test/api/reports?page=1'
const send = (headers: Headers | Record<string, string> = {}, init: RequestInit = {}) =>
  new Request(url, { ...init, headers })
const bearer = (token: string) => send({ authorization: `Bearer ${token}` })

function expectResponse(outcome: AccessToken | Response): Response {
  if (!(outcome instanceof Response)) throw new Error('The request was not refused')
  return outcome
}

describe('./fetch', () => {
  it('resolves to the token of a request with a valid token', async () => {
    const token = t0()
    const outcome = await authenticate(fixtureValidator())(bearer(token))
    expect(outcome).not.toBeInstanceOf(Response)
    expect(outcome).toMatchObject({ subject: 'user-1', token })
  })

  it('takes options in place of a validator', async () => {
    const outcome = await authenticate(fixtureOptions())(bearer(t0()))
    expect(outcome).toMatchObject({ subject: 'user-1' })
  })

  it('serves a route handler that takes a Request and returns a Response', async () => {
    const check = authenticate(fixtureValidator(), { requirement: { scopes: 'read:a' } })
    async function GET(request: Request): Promise<Response> {
      const token = await check(request)
      if (token instanceof Response) return token
      return Response.json({ subject: token.subject })
    }
    expect(await (await GET(bearer(t0()))).json()).toEqual({ subject: 'user-1' })
    const missing = await GET(send())
    expect(missing.status).toBe(401)
    expect(missing.headers.get('www-authenticate')).toBe(
      'Bearer realm="https://rs.test/api", scope="read:a"',
    )
    expect(await missing.text()).toBe('')
    const refused = await GET(bearer(t0({ scope: 'read:b' })))
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ error: 'insufficient_scope' })
  })

  it('responds with 400 to a request with two Authorization fields', async () => {
    const headers = new Headers()
    for (const token of [t0(), t0()]) headers.append('authorization', `Bearer ${token}`)
    const response = expectResponse(await authenticate(fixtureValidator())(send(headers)))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
  })

  it('responds with 503 and Retry-After in an outage', async () => {
    const options: ValidatorOptions = fixtureOptions({ issuer: ISS, fetch: refuseToFetch })
    const response = expectResponse(await authenticate(options)(bearer(t0())))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(response.headers.get('www-authenticate')).toBeNull()
  })

  it('appends every challenge', async () => {
    const challenges = ['Bearer realm="a"', 'DPoP realm="a", algs="ES256"']
    const refusal = new InsufficientScopeError(['read:a'])
    refusal.headers = { 'WWW-Authenticate': challenges, 'Cache-Control': 'no-store' }
    const validator: Validator = {
      ...fixtureValidator(),
      authenticate: () => Promise.reject(refusal),
    }
    const { headers } = expectResponse(await authenticate(validator)(send()))
    expect(headers.get('www-authenticate')).toBe(challenges.join(', '))
  })

  it('rejects where a function of the application fails', async () => {
    const failure = new Error('database')
    const check = () => Promise.reject(failure)
    const outcome = authenticate(fixtureValidator(), { requirement: { check } })(bearer(t0()))
    await expect(outcome).rejects.toMatchObject({ cause: failure })
  })

  it('does not read the body', async () => {
    const request = send({ authorization: `Bearer ${t0()}` }, { method: 'POST', body: 'text' })
    await authenticate(fixtureValidator())(request)
    expect(await request.text()).toBe('text')
  })

  it('adds headers to an AccessTokenError that the application throws', async () => {
    const validator: Validator = {
      ...fixtureValidator(),
      authenticate: () => Promise.reject(new InsufficientScopeError(['read:a'])),
    }
    const { status, headers } = expectResponse(await authenticate(validator)(send()))
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toContain('scope="read:a"')
  })

  it('responds to requests for the metadata document, and to no other', async () => {
    const respond = resourceMetadata(fixtureValidator({ resource: 'https://rs.test/api' }))
    const path = '/.well-known/oauth-protected-resource/api'
    // The host of the request is not compared: a proxy may have changed it.
    const response = respond(new Request(`http://127.0.0.1:3000${path}`))
    expect(response?.headers.get('content-type')).toBe('application/json')
    expect(await response?.json()).toMatchObject({ resource: 'https://rs.test/api' })
    for (const method of ['HEAD', 'OPTIONS', 'POST']) {
      const other = respond(new Request(`https://rs.test${path}`, { method }))
      expect(other?.headers.get('content-type')).toBe(method === 'HEAD' ? 'application/json' : null)
      expect(await other?.text()).toBe('')
    }
    for (const url of [`https://rs.test${path}/`, `https://rs.test${path}?a`, 'https://rs.test/']) {
      expect(respond(new Request(url))).toBeUndefined()
    }
    expect(() => resourceMetadata(fixtureValidator())).toThrow(/has the option resource$/)
  })

  it('accepts a DPoP proof once, and again in a second call for the same request', async () => {
    await using issuer = await createTestIssuer()
    const client = issuer.dpopClient()
    const token = await client.token()
    const proof = await client.proof({ url, token })
    const check = authenticate({
      issuer: issuer.issuer,
      audience: issuer.audience,
      publicUrl: 'https://rs.test',
      dpop: true,
    })
    const request = send({ authorization: `DPoP ${token}`, dpop: proof })
    expect(await check(request)).toMatchObject({ scheme: 'DPoP', proofs: ['dpop'] })
    expect(await check(request)).toMatchObject({ scheme: 'DPoP', proofs: ['dpop'] })
    const replay = expectResponse(
      await check(send({ authorization: `DPoP ${token}`, dpop: proof })),
    )
    expect(replay.status).toBe(401)
    expect(replay.headers.get('www-authenticate')).toMatch(/^Bearer .*, DPoP .*invalid_dpop_proof/)
  })

  it('refuses options that other adapters have', () => {
    for (const options of [{ optional: true }, { passErrors: true }]) {
      expect(() => authenticate(fixtureValidator(), options as object)).toThrow(
        /^authenticate has no option "(optional|passErrors)"; its options are requirement$/,
      )
    }
  })

  it('refuses the location body of the option tokenLocations, because it reads no body', () => {
    const message =
      /^authenticate of oauth-resource-server\/fetch does not read the body: .*tokenLocations/
    const options = fixtureOptions({ tokenLocations: ['header', 'body'] })
    expect(() => authenticate(options)).toThrow(message)
    expect(() => authenticate(createValidator(options))).toThrow(TypeError)
    expect(() => authenticate(fixtureOptions({ tokenLocations: ['query'] }))).not.toThrow()
  })

  it('imports no server of Node', () => {
    const imported = modulesOf(
      fileURLToPath(new URL('../../../src/adapters/fetch.ts', import.meta.url)),
    )
    expect(imported.filter((name) => /^node:(http|https|http2|net|fs|child)/.test(name))).toEqual(
      [],
    )
    for (const name of imported) {
      expect(name.startsWith('jose') || builtinModules.includes(name.replace('node:', ''))).toBe(
        true,
      )
    }
  })
})

/** The modules outside the sources that a source file imports, types left out. */
function modulesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const imports = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type )[^'"]*?from '([^']+)'/gms,
  )
  return [...imports].flatMap(([, name = '']) =>
    name.startsWith('.') ? modulesOf(fileURLToPath(new URL(name, `file://${file}`)), seen) : [name],
  )
}
