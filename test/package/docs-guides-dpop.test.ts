/** The code of the guides about DPoP, for the API and for its clients. */
import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createValidator, type Validator, type ValidatorEvent } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import { createTestIssuer, type DpopClient, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createGuideRunner, publicIssuer } from '../support/guides.ts'
import { hasRedisServer, startRedisServer } from '../support/redis-server.ts'

const secret = Buffer.alloc(32).toString('base64')
const publicUrl = 'https://api.example.com'
const guides = createGuideRunner('dpop')
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterEach(() => guides.end())
afterAll(async () => {
  guides.folder.remove()
  await issuer.close()
})

interface ClientGuide {
  createApiClient(): Promise<(url: URL) => Promise<Response>>
}

describe('guide: clients with DPoP', () => {
  /** An API with nonces. */
  async function startApi() {
    const statuses: number[] = []
    let middleware: ReturnType<typeof authenticate> | undefined
    const server = createServer(async (request, response) => {
      response.on('finish', () => statuses.push(response.statusCode))
      const token = await middleware?.(request, response)
      if (token) response.end(token.proofs.join())
    }).listen(0, '127.0.0.1')
    guides.atEnd(() => server.close())
    await once(server, 'listening')
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const dpop = { required: true, nonce: { secret: new Uint8Array(32) } }
    middleware = authenticate({
      issuer: issuer.issuer,
      audience: issuer.audience,
      publicUrl: api,
      dpop,
    })
    return { url: new URL(`${api}/reports?page=1`), statuses }
  }

  it.each([
    [
      'openid-client',
      { 'undefined, secret)': 'undefined, secret, { execute: [client.allowInsecureRequests] })' },
    ],
    [
      'oauth4webapi',
      {
        'discoveryRequest(issuer)':
          'discoveryRequest(issuer, { [oauth.allowInsecureRequests]: true })',
        'options = {': 'options = { [oauth.allowInsecureRequests]: true,',
      },
    ],
  ])('%s gets a bound token from the test kit and answers a nonce', async (name, http) => {
    const { url, statuses } = await startApi()
    const guide = await guides.importGuide<ClientGuide>('dpop-client', `from '${name}'`, {
      [publicIssuer]: issuer.issuer,
      ...http,
    })
    const request = await guide.createApiClient()
    for (let count = 0; count < 2; count++) {
      const response = await request(url)
      expect([response.status, await response.text()]).toEqual([200, 'dpop'])
    }
    expect(statuses).toEqual([401, 200, 200])
  })
})

/** A request with a new token and proof for a URL. */
async function presentation(url: string, nonce?: string) {
  const client = issuer.dpopClient()
  const token = await client.token()
  const dpop = await client.proof({ url, token, nonce })
  return { method: 'GET', url: '/reports', headers: { authorization: `DPoP ${token}`, dpop } }
}

describe('guide: DPoP', () => {
  it('chooses the validator by the host name of the request', async () => {
    const { app } = await guides.importGuide<{ app: RequestListener }>(
      'dpop',
      'const middlewares',
      {
        [publicIssuer]: issuer.issuer,
      },
    )
    const port = await guides.listen(createServer(app))
    const statusOf = async (proven: string, host: string) => {
      const { headers } = await presentation(`https://${proven}/reports`)
      const sent = request({ port, path: '/reports', headers: { ...headers, host } }).end()
      const [response] = await once(sent, 'response')
      response.resume()
      return response.statusCode
    }
    expect(await statusOf('api.example.com', 'api.example.com')).toBe(200)
    expect(await statusOf('api.example.org', 'api.example.org')).toBe(200)
    expect(await statusOf('api.example.org', 'api.example.com')).toBe(401)
    expect(await statusOf('api.example.net', 'api.example.net')).toBe(421)
  })

  it('sends a bound token and its proof with supertest', async () => {
    const { postReport } = await guides.importGuide<{
      postReport(api: RequestListener, client: DpopClient): Promise<{ status: number }>
    }>('dpop', 'export async function postReport', {})
    const middleware = authenticate({
      issuer: issuer.issuer,
      audience: issuer.audience,
      publicUrl,
      dpop: { required: true },
      requirement: { scopes: 'write:reports' },
    })
    const api: RequestListener = async (request, response) => {
      if (await middleware(request, response)) response.end()
    }
    expect((await postReport(api, issuer.dpopClient())).status).toBe(200)
  })

  it('creates nonces with the secret that openssl prints', async () => {
    const { createApi } = await guides.importGuide<{ createApi: (secret: string) => Validator }>(
      'dpop',
      'export const createApi',
      { [publicIssuer]: issuer.issuer },
    )
    expect(() => createApi('')).toThrow(/dpop\.nonce\.secret/)
    const url = `${publicUrl}/reports`
    const error = await createApi(secret)
      .authenticate(await presentation(url))
      .catch((thrown) => thrown)
    expect(error.code).toBe('use_dpop_nonce')
    const again = createApi(secret).authenticate(await presentation(url, error.nonce))
    await expect(again).resolves.toMatchObject({ proofs: ['dpop'] })
  })

  it('accepts proofs with a nonce where the option nonce was removed', async () => {
    const { audience } = issuer
    const api = createValidator({ issuer: issuer.issuer, audience, publicUrl, dpop: true })
    const accepted = api.authenticate(await presentation(`${publicUrl}/reports`, 'old'))
    await expect(accepted).resolves.toMatchObject({ proofs: ['dpop'] })
  })

  it('counts the requests of each client with and without proof', async () => {
    const guide = await guides.importGuide<{
      countProofs: (event: ValidatorEvent) => void
      counts: ReadonlyMap<string, number>
    }>('dpop', 'countProofs', {})
    const { audience } = issuer
    const onEvent = guide.countProofs
    const api = createValidator({ issuer: issuer.issuer, audience, publicUrl, dpop: true, onEvent })
    await api.authenticate(await presentation(`${publicUrl}/reports`))
    await api.authenticate({ headers: { authorization: `Bearer ${await issuer.token()}` } })
    expect([...guide.counts]).toEqual([
      ['test-client dpop', 1],
      ['test-client bearer', 1],
    ])
  })
})

describe.skipIf(!hasRedisServer)('guide: DPoP with several processes', () => {
  it('starts while Redis is down, refuses at once, and recovers', async () => {
    vi.spyOn(console, 'error').mockReturnValue()
    const server = await startRedisServer()
    await server.stop()
    const { start, close } = await guides.importGuide<{
      start: (secret: string) => Validator
      close: () => void
    }>('dpop', 'redisReplayStore', {
      [publicIssuer]: issuer.issuer,
      'redis.example.com:6379': `127.0.0.1:${server.port}`,
      "client.on('error', console.error)":
        "client.on('error', console.error)\nexport const close = () => client.destroy()",
    })
    guides.atEnd(close)
    guides.atEnd(() => vi.restoreAllMocks())
    const api = start(secret)
    const url = `${publicUrl}/reports`
    const first = await api.authenticate(await presentation(url)).catch((thrown) => thrown)
    const attempt = async () => api.authenticate(await presentation(url, first.nonce))
    const begin = performance.now()
    await expect(attempt()).rejects.toMatchObject({
      service: 'replay_store',
      cause: { message: 'The client is offline' },
    })
    expect(performance.now() - begin).toBeLessThan(900)
    const restarted = await startRedisServer('--port', String(server.port))
    guides.atEnd(() => restarted.stop())
    await vi.waitFor(attempt, { timeout: 10_000, interval: 100 })
    const copy = await presentation(url, first.nonce)
    await expect(api.authenticate(copy)).resolves.toBeDefined()
    await expect(start(secret).authenticate(copy)).rejects.toMatchObject({ reason: 'replayed' })
  }, 20_000)
})
