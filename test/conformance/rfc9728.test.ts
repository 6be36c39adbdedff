/** RFC 9728, protected resource metadata: the document and how every adapter serves it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createValidator,
  type ResourceOptions,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import * as forHttp from 'oauth-resource-server/http'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { withApis } from '../support/adapters.ts'
import { parseChallenges } from '../support/challenge-parser.ts'
import { linesOf, type RawRequest, type RawResponse } from '../support/exchange.ts'
import {
  C401,
  canSend,
  type Expected,
  expectAlive,
  expectEqualAnswers,
  expectEverywhere,
  R400,
  S403,
  T401,
} from '../support/expectations.ts'
import { AUD, fixtureOptions, ISS, t0 } from '../support/fixture.ts'
import { authorization, bearer } from '../support/requests.ts'
import { type Api, allNames, closeApis, startApis } from '../support/servers.ts'

const path = '/.well-known/oauth-protected-resource'
const url = `https://rs.test${path}/api`
const identifiers = ['https://rs.test/', 'https://rs.test/café', 'https://rs.test/r?k=v']
const both = 'read:a write:a'

let apis: Api[]
beforeAll(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const resource = { identifier: AUD, scopes: both }
  const options = { validator: { audience: undefined, resource }, resources: identifiers }
  apis = await startApis(options, allNames)
})
afterEach(() => expectAlive(apis))
afterAll(async () => {
  vi.restoreAllMocks()
  await closeApis(apis)
})

/** Sends a request to every adapter, expects the same response of each, and returns one. */
async function send(request: RawRequest, among = apis): Promise<RawResponse> {
  const able = among.filter((api) => canSend(api, request))
  const answers = await Promise.all(able.map((api) => api.send(request)))
  expectEqualAnswers(answers)
  return answers[0] as RawResponse
}

const get = (target: string, among?: Api[]) => send({ path: target }, among)

const documentAt = async (target: string): Promise<Record<string, unknown>> =>
  JSON.parse((await get(target)).body)

/** The document of a validator without network. */
const documentOf = (
  resource: Partial<ResourceOptions> = {},
  options: Partial<ValidatorOptions> = {},
) =>
  createValidator(fixtureOptions({ resource: { identifier: AUD, ...resource }, ...options }))
    .resourceMetadata?.document ?? {}

describe('§3 obtaining the metadata', () => {
  it('9728-3-a, 9728-3.1-c, 9728-3.2-a serves a JSON object to a GET without credentials', async () => {
    const answer = await get(`${path}/api`)
    expect(answer.status).toBe(200)
    expect(linesOf(answer, 'Content-Type')).toEqual(['application/json'])
    expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
    expect(JSON.parse(answer.body)).toEqual({
      resource: AUD,
      authorization_servers: [ISS],
      bearer_methods_supported: ['header'],
      scopes_supported: ['read:a', 'write:a'],
    })
  })

  it('9728-3.1-c serves the same to a request with credentials, whatever they are', async () => {
    const plain = await get(`${path}/api`)
    for (const value of ['Bearer x', 'Basic eDp5', `Bearer ${t0({ exp: 1 })}`]) {
      expectEqualAnswers([plain, await send(authorization(value, { path: `${path}/api` }))])
    }
  })

  it('9728-3.1-a removes the slash after the host', async () => {
    expect(await documentAt(path)).toMatchObject({ resource: 'https://rs.test/' })
    expect((await get(`${path}/`)).status).toBe(401)
  })

  it('9728-3.1-b keeps the query', async () => {
    expect(await documentAt(`${path}/r?k=v`)).toMatchObject({ resource: 'https://rs.test/r?k=v' })
    for (const query of ['', '?', '?k=w', '?k=v&x']) {
      expect((await get(`${path}/r${query}`)).status).toBe(401)
    }
  })

  it('9728-3.1-c responds to HEAD as to GET, without the body', async () => {
    const [head, whole] = [
      await send({ method: 'HEAD', path: `${path}/api` }),
      await get(`${path}/api`),
    ]
    expect(head.status).toBe(200)
    expect(head.body).toBe('')
    for (const name of ['Content-Length', 'Content-Type', 'Cache-Control']) {
      expect(linesOf(head, name)).toEqual(linesOf(whole, name))
      expect(linesOf(head, name)).toHaveLength(1)
    }
  })

  it('9728-3.1-c responds to other methods with 405 and Allow', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await send({ method, path: `${path}/api` })
      expect(answer.status).toBe(405)
      expect(linesOf(answer, 'Allow')).toEqual(['GET, HEAD, OPTIONS'])
      expect(linesOf(answer, 'Content-Length')).toEqual(['0'])
      expect(answer.body).toBe('')
    }
  })

  it('9728-3.3-a, 9728-str names the identifier from which a client built the URL', async () => {
    expect(await documentAt(`${path}/api`)).toMatchObject({ resource: AUD })
    expect(await documentAt(`${path}/caf%C3%A9`)).toMatchObject({
      resource: 'https://rs.test/caf\u00e9',
    })
  })

  it('9728-multi serves every resource its own document, and nothing at other paths', async () => {
    const targets = [`${path}/api`, path, `${path}/caf%C3%A9`, `${path}/r?k=v`]
    const documents = await Promise.all(targets.map(documentAt))
    expect(documents.map(({ resource }) => resource)).toEqual([AUD, ...identifiers])
    for (const target of [`${path}/nope`, `${path}/api/x`, `${path}/api?x`, `/api${path}`]) {
      const answer = await get(target)
      expect(answer.status, target).toBe(401)
      expect(answer.body).toBe('')
    }
  })

  it('9728-5.1-d ignores Host, forwarding headers and the host of an absolute request target', async () => {
    const plain = await get(`${path}/api`)
    const lines = ['X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: http', 'Forwarded: host=evil']
    const host = ['Host: evil.test']
    for (const target of [`${path}/api`, `http://evil.test${path}/api`]) {
      expectEqualAnswers([plain, await send({ path: target, host, lines, onlyHttp1: true })])
    }
    for (const target of [`//evil.test${path}/api`, `/${path}/api`]) {
      expect((await send({ path: target, onlyHttp1: true })).body).not.toContain('resource')
    }
  })

  it('9728-7-cors lets scripts of every origin read it', async () => {
    const origin = 'Origin: https://x.test'
    const answer = await send({ path: `${path}/api`, lines: [origin] })
    expect(linesOf(answer, 'Access-Control-Allow-Origin')).toEqual(['*'])
    const preflight = await send({
      method: 'OPTIONS',
      path: `${path}/api`,
      lines: [
        origin,
        'Access-Control-Request-Method: GET',
        'Access-Control-Request-Headers: mcp-protocol-version',
      ],
    })
    expect(preflight.status).toBe(204)
    expect(linesOf(preflight, 'Access-Control-Allow-Origin')).toEqual(['*'])
    expect(linesOf(preflight, 'Access-Control-Allow-Headers')).toEqual(['*'])
    expect(linesOf(preflight, 'Access-Control-Allow-Methods')).toEqual(['GET, HEAD, OPTIONS'])
    expect(linesOf(preflight, 'Access-Control-Allow-Credentials')).toEqual([])
  })

  it('9728-7-cors replaces what the application has allowed for its own responses', () => {
    const before = (
      _request: unknown,
      response: { setHeader(name: string, value: string): void },
    ) => {
      response.setHeader('Access-Control-Allow-Origin', 'https://app.test')
      response.setHeader('Access-Control-Allow-Credentials', 'true')
      return undefined
    }
    return withApis({ validator: { resource: AUD }, before }, async (others) => {
      const answer = await get(`${path}/api`, others)
      expect(linesOf(answer, 'Access-Control-Allow-Origin')).toEqual(['*'])
      expect(linesOf(answer, 'Access-Control-Allow-Credentials')).toEqual([])
    })
  })

  it('9728-7.10 lets clients cache it for an hour, or as long as configured', async () => {
    expect(linesOf(await get(`${path}/api`), 'Cache-Control')).toEqual(['public, max-age=3600'])
    const resource = { identifier: AUD, maxAge: 60 }
    await withApis({ validator: { resource } }, async (others) => {
      const answer = await get(`${path}/api`, others)
      expect(linesOf(answer, 'Cache-Control')).toEqual(['public, max-age=60'])
    })
  })
})

describe('§1.2, §2 the document', () => {
  it('9728-1.2-a, 8707-2-b is refused where the identifier is not an https URL without fragment', () => {
    for (const identifier of ['http://rs.test/api', `${AUD}#x`, 'rs.test/api', 'urn:x:api', '']) {
      expect(() => documentOf({ identifier })).toThrow(/^resource\.identifier "/)
      expect(() => createValidator(fixtureOptions({ resource: identifier }))).toThrow(/^resource "/)
    }
    expect(() => documentOf({ identifier: 'http://localhost:3000/api' })).not.toThrow()
    expect(() => createValidator(fixtureOptions({ audience: 'my-api' }))).not.toThrow()
  })

  it('9728-2-a, 9728-2-b, 9728-2-d contains the identifier, the issuers and the token locations', () => {
    expect(documentOf({}, { tokenLocations: ['header', 'body'] })).toEqual({
      resource: AUD,
      authorization_servers: [ISS],
      bearer_methods_supported: ['header', 'body'],
    })
  })

  it('9728-2-b names the authorization servers where the issuer is a function', () => {
    const issuer = () => undefined
    expect(() => documentOf({}, { issuer })).toThrow(
      new TypeError('resource.authorizationServers is required where issuer is a function'),
    )
    const document = documentOf({ authorizationServers: [ISS] }, { issuer })
    expect(document.authorization_servers).toEqual([ISS])
  })

  it('9728-2-c, 9728-3.2-b contains the scopes, and no empty list', () => {
    expect(documentOf({ scopes: both }).scopes_supported).toEqual(['read:a', 'write:a'])
    expect(documentOf()).not.toHaveProperty('scopes_supported')
    expect(documentOf({ scopes: [] })).not.toHaveProperty('scopes_supported')
  })

  it('9728-2-e, 9728-unk contains names, pages, and further members as they are', () => {
    const metadata = { 'resource_name#it': 'La mia API', extension: { a: [1] } }
    const pages = { policyUri: 'https://rs.test/policy', tosUri: 'https://rs.test/tos' }
    expect(documentOf({ name: 'My API', ...pages, metadata })).toMatchObject({
      resource_name: 'My API',
      resource_policy_uri: pages.policyUri,
      resource_tos_uri: pages.tosUri,
      ...metadata,
    })
  })

  it('9728-2-g says nothing of DPoP and client certificates where they are off', () => {
    expect(Object.keys(documentOf()).filter((name) => /dpop|tls/.test(name))).toEqual([])
  })

  it('9728-2-f, 9728-2-i, 9728-2.2, 9728-2-h is refused with members that contradict the text', () => {
    for (const metadata of [
      { resource_signing_alg_values_supported: ['none'] },
      { jwks_uri: 'http://rs.test/jwks' },
      { signed_metadata: 'a.b' },
      { authorization_details_types_supported: 'payment' },
      { resource: 'https://rs.test/other' },
    ]) {
      const [name] = Object.keys(metadata)
      expect(() => documentOf({ metadata })).toThrow(`resource.metadata.${name} `)
    }
  })
})

describe('§5.1 WWW-Authenticate', () => {
  it('9728-5.1-a, 9728-5.1-c every challenge names the URL of the document', async () => {
    const table: readonly (readonly [RawRequest, Expected])[] = [
      [{}, C401],
      [{ path: '/scoped' }, { ...C401, scope: both }],
      [{ path: '/optional-authorized' }, { ...C401, scope: both }],
      [authorization('Bearer'), R400],
      [bearer(t0({ exp: 1 })), T401('expired')],
      [bearer(t0(), { path: '/scoped' }), S403(both)],
      [bearer(t0(), { path: '/authorized' }), S403(both)],
    ]
    for (const [request, expected] of table) {
      await expectEverywhere(apis, request, expected, { metadata: url })
    }
  })

  it('9728-5.1-b the URL in the challenge has the document of the resource', async () => {
    const [challenge] = parseChallenges(linesOf(await get('/p'), 'WWW-Authenticate')[0] ?? '')
    const { origin, pathname, search } = new URL(challenge?.parameters.resource_metadata ?? '')
    expect(origin).toBe(new URL(AUD).origin)
    expect(await documentAt(pathname + search)).toMatchObject({ resource: AUD })
  })

  it('9728-5.1-d does not depend on Host', async () => {
    const lines = ['X-Forwarded-Host: evil.test']
    expectEqualAnswers([
      await send({ onlyHttp1: true }),
      await send({ host: ['Host: evil.test'], lines, onlyHttp1: true }),
    ])
  })

  it('9728-5.1-a no challenge names a URL without the option resource', () =>
    withApis({}, (others) => expectEverywhere(others, {}, C401)))
})

describe('RFC 8707', () => {
  it('8707-2-a the resource identifier is the accepted audience', async () => {
    await expectEverywhere(apis, bearer(t0({ aud: [AUD, 'https://other.test'] })), { status: 200 })
    const expected = T401('wrong_audience')
    const circumstances = { metadata: url }
    await expectEverywhere(apis, bearer(t0({ aud: 'other' })), expected, circumstances)
  })

  it('8707-2-c, 8707-2-d a base, an alias and another spelling are not the audience unless listed', async () => {
    const others = ['https://rs.test', `${AUD}/`, 'https://RS.test/api', `${AUD}/sub`]
    const requests = others.map((aud) => bearer(t0({ aud })))
    await expectEverywhere(apis, requests, T401('wrong_audience'), { metadata: url })
    const validator = { audience: [AUD, ...others], resource: AUD }
    await withApis({ validator }, (listed) => expectEverywhere(listed, requests, { status: 200 }))
  })

  it('8707-2-b an audience that is not a URL stays possible beside the resource', () => {
    const options: ValidatorOptions = { ...fixtureOptions(), audience: 'my-api', resource: AUD }
    return expect(createValidator(options).validate(t0({ aud: 'my-api' }))).resolves.toBeDefined()
  })
})

describe('a validator around another', () => {
  it('is served with its own age', async () => {
    const resource = { identifier: AUD, maxAge: 5 }
    const validator: Validator = { ...createValidator(fixtureOptions({ resource })) }
    const serve = forHttp.resourceMetadata(validator)
    const server = createServer((request, response) => void serve(request, response))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}${path}/api`)
    expect(response.headers.get('cache-control')).toBe('public, max-age=5')
    server.close()
  })
})
