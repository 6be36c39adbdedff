/** Guides whose code needs a client, a proxy, a file or a certificate of its own. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Validator } from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { codeBlock, createWorkFolder, pointAt } from '../support/docs.ts'

const folder = createWorkFolder('guides')
const publicIssuer = 'https://auth.example.com/'
let issuer: TestIssuer
let imported = 0
const ends: (() => unknown)[] = []

beforeAll(async () => {
  issuer = await createTestIssuer({ algorithm: 'RS256' })
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

/** Imports the block of a guide, with some of its strings replaced. */
async function importGuide<Exports>(
  name: string,
  text: string,
  replacements: Readonly<Record<string, string>>,
): Promise<Exports> {
  imported += 1
  const code = pointAt(codeBlock(`docs/guides/${name}.md`, text), replacements)
  return await import(folder.write(`${name}-${imported}.ts`, code))
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

interface WithValidator {
  readonly validator: Validator
}

describe('guide: PEM public key', () => {
  it('verifies a token without any network', async () => {
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: JsonWebKey[] }
    const pem = createPublicKey({ key: keys[0] as JsonWebKey, format: 'jwk' })
    const { validator } = await importGuide<WithValidator>('pem-public-key', 'createPublicKey', {
      'issuer-key-1': String(keys[0]?.kid),
      '/etc/ssl/issuer-public-key.pem': folder.write(
        'key.pem',
        String(pem.export({ type: 'spki', format: 'pem' })),
      ),
    })
    const before = { ...issuer.requests }
    await expect(
      validator.validate(await issuer.token({ iss: publicIssuer })),
    ).resolves.toMatchObject({ issuer: publicIssuer })
    await expect(
      validator.validate(await issuer.tokens.foreignKey({ iss: publicIssuer })),
    ).rejects.toMatchObject({ reason: 'bad_signature' })
    expect(issuer.requests).toEqual(before)
  })
})

describe('guide: Docker', () => {
  it('accepts tokens of the public issuer with the keys of the internal address', async () => {
    // Not a loopback address for the validator, so that it needs allowInsecureHttp.
    const internal = issuer.jwksUri.replace('127.0.0.1', '0.0.0.0')
    const { validator } = await importGuide<WithValidator>('docker', 'allowInsecureHttp', {
      'http://keycloak:8080/realms/example/protocol/openid-connect/certs': internal,
    })
    const iss = 'https://auth.example.com/realms/example'
    await expect(validator.validate(await issuer.token({ iss }))).resolves.toMatchObject({
      issuer: iss,
    })
  })
})

describe('guide: AWS Lambda', () => {
  type Handler = (event: object) => Promise<{
    statusCode: number
    headers?: Record<string, string>
    multiValueHeaders?: Record<string, string[]>
    body: string
  }>
  const importHandler = (text: string) =>
    importGuide<{ handler: Handler }>('aws-lambda', text, { [publicIssuer]: issuer.issuer })

  it('answers HTTP API events with 200, 401 and 403, and one string for each header', async () => {
    const { handler } = await importHandler('.join')
    const reader = await issuer.token({ scope: 'read:reports' })
    expect(await handler({ headers: bearer(reader) })).toEqual({
      statusCode: 200,
      body: '{"client":"test-client"}',
    })
    expect(await handler({ headers: {} })).toEqual({
      statusCode: 401,
      headers: expect.objectContaining({
        'WWW-Authenticate': 'Bearer realm="https://api.example.com", scope="read:reports"',
      }),
      body: '',
    })
    const forbidden = await handler({ headers: bearer(await issuer.token()) })
    expect(forbidden.statusCode).toBe(403)
    expect(JSON.parse(forbidden.body)).toMatchObject({ error: 'insufficient_scope' })
    expect(Object.values(forbidden.headers ?? {}).every((value) => typeof value === 'string')).toBe(
      true,
    )
  })

  it('answers REST API events with 200, 400, 401 and 403, also where the headers are null', async () => {
    const { handler } = await importHandler('multiValueHeaders')
    const authorization = [`Bearer ${await issuer.token({ scope: 'read:reports' })}`]
    const statusOf = async (event: object) => (await handler(event)).statusCode
    expect(await statusOf({ headers: null, multiValueHeaders: { authorization } })).toBe(200)
    expect(await statusOf({ headers: { authorization: authorization[0] } })).toBe(200)
    expect(await statusOf({ headers: null, multiValueHeaders: null })).toBe(401)
    const twice = { authorization: [...authorization, ...authorization] }
    expect(await statusOf({ headers: null, multiValueHeaders: twice })).toBe(400)
    const forbidden = await handler({ headers: bearer(await issuer.token()) })
    expect(forbidden.statusCode).toBe(403)
    expect(forbidden.multiValueHeaders?.['WWW-Authenticate']).toEqual([
      expect.stringContaining('error="insufficient_scope"'),
    ])
  })
})

describe('guide: ws', () => {
  async function start(): Promise<(headers: Record<string, string>) => WebSocket> {
    const port = await freePort()
    await importGuide('ws', 'WebSocketServer', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    return (headers) => new WebSocket(`ws://127.0.0.1:${port}`, { headers })
  }

  it('opens a connection for a good token, and closes it when the token expires', async () => {
    const open = await start()
    const exp = Math.floor(Date.now() / 1000) + 1
    const token = await issuer.token({ scope: 'read:reports', exp })
    const webSocket = open(bearer(token))
    const closed = once(webSocket, 'close')
    const [message] = await once(webSocket, 'message')
    expect(JSON.parse(String(message))).toEqual({ client: 'test-client' })
    const [code] = await closed
    expect(code).toBe(4401)
  })

  it('refuses the upgrade with 401 and 403, the challenge included', async () => {
    const open = await start()
    const refused = async (headers: Record<string, string>) => {
      const [request, response] = await once(open(headers), 'unexpected-response')
      request.destroy()
      return [response.statusCode, response.headers['www-authenticate']]
    }
    expect(await refused({})).toEqual([
      401,
      'Bearer realm="https://api.example.com", scope="read:reports"',
    ])
    expect(await refused(bearer(await issuer.tokens.expired()))).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect(await refused(bearer(await issuer.token()))).toEqual([
      403,
      expect.stringContaining('error="insufficient_scope"'),
    ])
  })
})

describe('guide: Socket.IO', () => {
  /** Speaks the protocol of Socket.IO: 0 and 40 open, 42 is an event, 44 a refusal. */
  async function connectWith(port: number, auth: object): Promise<unknown> {
    const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`
    const webSocket = new WebSocket(url)
    ends.push(() => webSocket.terminate())
    return await new Promise((resolve, reject) => {
      webSocket.on('error', reject)
      webSocket.on('message', (data) => {
        const text = String(data)
        if (text.startsWith('0{')) webSocket.send(`40${JSON.stringify(auth)}`)
        if (text.startsWith('44')) resolve(JSON.parse(text.slice(2)))
        if (text.startsWith('42')) resolve(JSON.parse(text.slice(2)))
      })
    })
  }

  it('lets a client with a good token in and names the code to every other', async () => {
    const port = await freePort()
    await importGuide('socket-io', 'new Server', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const token = await issuer.token({ scope: 'read:reports' })
    expect(await connectWith(port, { token })).toEqual(['welcome', { client: 'test-client' }])
    expect(await connectWith(port, {})).toEqual({ message: 'missing_token' })
    expect(await connectWith(port, { token: { not: 'a string' } })).toEqual({
      message: 'invalid_token',
    })
    expect(await connectWith(port, { token: await issuer.tokens.expired() })).toEqual({
      message: 'invalid_token',
    })
    expect(await connectWith(port, { token: await issuer.token() })).toEqual({
      message: 'insufficient_scope',
    })
  })
})
