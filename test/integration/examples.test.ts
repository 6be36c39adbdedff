import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { client, runFlow } from '../../examples/demo/flow.js'
import { freePort } from '../support/free-port.ts'
import { mcpClients } from '../support/mcp-clients.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const audience = 'https://api.example.com'
const children: ChildProcess[] = []
let issuer: TestIssuer

vi.setConfig({ testTimeout: 30_000 })
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

// The examples import the package by its name, and so what the build made.
beforeAll(async () => {
  await run('node_modules/.bin/tsc', { cwd: root })
  const mcpClient = { id: 'test-client', secret: 'test-secret' }
  issuer = await createTestIssuer({ audience, clients: [client, mcpClient] })
}, 60_000)
afterAll(() => issuer.close())
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Started {
  readonly child: ChildProcess
  /** What it has printed until now. */
  readonly output: () => string
}

/** Starts an example and waits until its output matches. */
async function start(
  args: readonly string[],
  until: RegExp,
  env: Record<string, string> = {},
): Promise<Started> {
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...env } })
  children.push(child)
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk
      if (until.test(output)) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)))
  })
  return { child, output: () => output }
}

async function startApi(name: string, from = issuer): Promise<Started & { url: string }> {
  const env = { ISSUER: from.issuer, AUDIENCE: audience, PORT: '0' }
  const started = await start([`examples/${name}.js`], /http:\S+\n/, env)
  return { ...started, url: /http:\S+/.exec(started.output())?.[0] ?? '' }
}

const startServer = async (name: string) => (await startApi(name)).url

const linesOf = (output: string): Record<string, unknown>[] =>
  (output.match(/^\{.*\}$/gm) ?? []).map((line) => JSON.parse(line))

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe.each(['express', 'koa', 'http'])('examples/%s.js', (name) => {
  it('responds with 200, 401 and 403', async () => {
    const url = await startServer(name)
    const reader = bearer(await issuer.token({ scope: 'read:reports' }))
    const withoutScope = bearer(await issuer.token())

    const health = await fetch(`${url}/health`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'up' }])

    const missing = await fetch(url)
    expect(missing.status).toBe(401)
    expect(missing.headers.get('www-authenticate')).toBe(`Bearer realm="${audience}"`)

    const self = await fetch(url, { headers: reader })
    expect(await self.json()).toEqual({ client: 'test-client', scopes: ['read:reports'] })

    const reports = await fetch(`${url}/reports`, { headers: reader })
    expect([reports.status, await reports.json()]).toEqual([
      200,
      { reports: ['January', 'February'] },
    ])

    const forbidden = await fetch(`${url}/reports`, { headers: withoutScope })
    expect(forbidden.status).toBe(403)
    expect(await forbidden.json()).toMatchObject({ error: 'insufficient_scope' })

    const expired = await fetch(url, { headers: bearer(await issuer.tokens.expired()) })
    expect(expired.status).toBe(401)

    expect((await fetch(`${url}/nowhere`, { headers: reader })).status).toBe(404)
  })
})

describe('examples/mcp-server.js', () => {
  it.each(Object.entries(mcpClients))(
    'MCP-prm-c, MCP-scope-b is found by the client of %s through the 401, which steps up by the 403',
    async (_name, createClient) => {
      const RESOURCE = `http://127.0.0.1:${await freePort()}/mcp`
      await start(['examples/mcp-server.js'], /Listening/, { ISSUER: issuer.issuer, RESOURCE })
      const user = createClient(RESOURCE)
      await user.connect()
      expect(await user.callTool({ name: 'list_mail' })).toMatchObject({
        content: [{ type: 'text', text: 'The inbox of test-user is empty' }],
      })
      expect(user.provider.requests).toMatchObject([{ scope: 'mail:read', resource: RESOURCE }])
      const to = 'a@example.com'
      expect(await user.callTool({ name: 'send_mail', arguments: { to } })).toMatchObject({
        content: [{ type: 'text', text: `Sent to ${to}` }],
      })
      expect(user.provider.requests.map(({ scope }) => scope)).toEqual([
        'mail:read',
        'mail:read mail:send',
      ])
      await user.close()
    },
  )
})

describe('examples/mcp-server.js behind a proxy', () => {
  it('MCP-origin listens on PORT, and refuses other hosts and origins before authentication', async () => {
    const PORT = String(await freePort())
    const RESOURCE = 'https://mcp.example.com/mcp'
    await start(['examples/mcp-server.js'], /Listening/, { ISSUER: issuer.issuer, RESOURCE, PORT })
    const send = async (headers: Record<string, string>) => {
      const options = { host: '127.0.0.1', port: PORT, path: '/mcp', method: 'POST', headers }
      const [response] = await once(request(options).end(), 'response')
      return [response.resume().statusCode, response.headers['www-authenticate'] !== undefined]
    }
    const host = 'mcp.example.com'
    expect(await send({ host })).toEqual([401, true])
    expect(await send({ host, origin: 'https://mcp.example.com' })).toEqual([401, true])
    expect(await send({ host, origin: 'https://attacker.example' })).toEqual([403, false])
    expect(await send({ host: 'attacker.example' })).toEqual([403, false])
  })
})

describe('examples/http.js', () => {
  /** Sends a request target as it is, which `fetch` would normalise. */
  async function ask(url: string, target: string, token: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const fields = ['Host: api.example.com', 'Connection: close', `Authorization: Bearer ${token}`]
    socket.write(`GET ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
    return (await socket.toArray()).join('')
  }

  it('serves reports only to a token with the scope, for any spelling of the path', async () => {
    const url = await startServer('http')
    const withoutScope = await issuer.token()
    const withScope = await issuer.token({ scope: 'read:reports' })
    const same = ['/reports', '/reports?a', '/reports?']
    for (const target of same) {
      expect(await ask(url, target, withoutScope), target).toMatch(/^HTTP\/1\.1 403 /)
      expect(await ask(url, target, withScope), target).toContain('January')
    }
    const others = ['//reports', '/reports/', '/Reports', '/%72eports', '/\\reports', '///reports']
    for (const target of [
      ...others,
      '/reports%3Fa',
      '/reports;a',
      '/x/../reports',
      'http://any.test/reports',
      '*',
    ]) {
      expect(await ask(url, target, withoutScope), target).toMatch(/^HTTP\/1\.1 40[04] /)
    }
  })
})

describe('examples/custom-server.js', () => {
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='

  async function upgrade(url: string, token?: string) {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...(token !== undefined && bearer(token)),
    }
    const request = get(url, { headers, agent: false })
    return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
      (resolve, reject) => {
        request.on('error', reject)
        request.on('upgrade', ({ statusCode = 0, headers }, socket) => {
          socket.destroy()
          resolve({ status: statusCode, headers, body: '' })
        })
        request.on('response', async (response) => {
          const { statusCode = 0, headers } = response
          resolve({ status: statusCode, headers, body: (await response.toArray()).join('') })
        })
      },
    )
  }

  it('opens a WebSocket for a valid token and refuses every other', async () => {
    const url = await startServer('custom-server')

    const accepted = await upgrade(url, await issuer.token({ scope: 'read:reports' }))
    expect(accepted.status).toBe(101)
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    expect(accepted.headers['sec-websocket-accept']).toBe(accept.digest('base64'))

    const missing = await upgrade(url)
    expect(missing).toMatchObject({ status: 401, body: '' })
    expect(missing.headers['www-authenticate']).toBe(
      `Bearer realm="${audience}", scope="read:reports"`,
    )

    const tampered = await upgrade(url, await issuer.tokens.tampered())
    expect(tampered.status).toBe(401)
    expect(JSON.parse(tampered.body)).toMatchObject({ error: 'invalid_token' })
    expect(tampered.headers['cache-control']).toBe('no-store')

    expect((await upgrade(url, await issuer.token())).status).toBe(403)
    expect((await fetch(url)).status).toBe(426)
  })

  it('closes the connection when the token expires', async () => {
    const url = new URL(await startServer('custom-server'))
    const exp = Math.floor(Date.now() / 1000)
    const token = await issuer.token({ scope: 'read:reports', exp })
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', ...bearer(token) }
    const [, socket] = await once(get(url, { headers, agent: false }), 'upgrade')
    await once(socket.resume(), 'end')
  })
})

describe('examples/machine-client.js', () => {
  it('fetches one token for all its calls', async () => {
    const url = await startServer('http')
    const before = issuer.requests.token
    const { stdout } = await run(process.execPath, ['examples/machine-client.js'], {
      cwd: root,
      env: {
        ...process.env,
        ISSUER: issuer.issuer,
        AUDIENCE: audience,
        CLIENT_ID: client.id,
        CLIENT_SECRET: client.secret,
        API: `${url}/reports`,
      },
    })
    expect(stdout).toBe('{"reports":["January","February"]}\n'.repeat(2))
    expect(issuer.requests.token - before).toBe(1)
  })
})

describe('examples/observability', () => {
  /** One token accepted twice, one expired, one for another API, and one request without. */
  async function use(url: string, from = issuer): Promise<void> {
    const good = await from.token()
    const bad = [await from.tokens.expired(), await from.tokens.wrongAudience()]
    for (const token of [good, good, ...bad]) await fetch(url, { headers: bearer(token) })
    await fetch(url)
  }

  it('log-line.js prints a line of JSON for each refusal', async () => {
    const { url, output } = await startApi('observability/log-line')
    await use(url)
    await vi.waitFor(() => expect(linesOf(output())).toHaveLength(4))
    const [keys, expired, wrong, missing] = linesOf(output())
    expect([keys?.type, missing?.type]).toEqual(['keys.refreshed', 'token.missing'])
    expect(expired).toMatchObject({ level: 'info', type: 'token.refused', reason: 'expired' })
    expect(wrong).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      status: 401,
      reason: 'wrong_audience',
      issuer: issuer.issuer,
      detail: { expected: audience, actual: `${audience}/other` },
    })
    expect(output()).not.toContain('eyJ')
  })

  it('log-line.js prints a line for each failure to fetch keys', async () => {
    await using other = await createTestIssuer({ audience })
    other.fault('html')
    const { url, output } = await startApi('observability/log-line', other)
    await fetch(url, { headers: bearer(await other.token()) })
    await vi.waitFor(() => expect(linesOf(output())).toHaveLength(2))
    const [failed, refused] = linesOf(output())
    expect(failed).toMatchObject({ level: 'error', type: 'keys.failed', reason: 'not_json' })
    expect(failed?.cause).toMatch(/\S/)
    expect(refused).toMatchObject({
      level: 'error',
      status: 503,
      reason: 'service_unavailable',
      service: 'keys',
    })
  })

  it('prometheus.js counts events', async () => {
    const { url } = await startApi('observability/prometheus')
    await use(url)
    const text = await (await fetch(`${url}/metrics`)).text()
    const name = issuer.issuer
    expect(text).toContain(
      `oauth_events_total{type="token.accepted",reason="",issuer="${name}"} 2\n`,
    )
    expect(text).toContain(
      `oauth_events_total{type="token.refused",reason="expired",issuer="${name}"} 1\n`,
    )
    expect(text).toContain('oauth_events_total{type="token.missing",reason="",issuer=""} 1\n')
    expect(text).toContain('oauth_duration_seconds_count{type="token.refused"} 2\n')
    expect(text).toContain('oauth_duration_seconds_count{type="keys.refreshed"} 1\n')
  })

  it('opentelemetry.js exports events', async () => {
    const { url, child, output } = await startApi('observability/opentelemetry')
    await use(url)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    const points = output().replace(/\s+/g, ' ').split('attributes: ')
    const counted = (type: string, reason: string) =>
      points
        .find((point) =>
          point.startsWith(`{ type: '${type}', reason: '${reason}', issuer: '${issuer.issuer}' }`),
        )
        ?.match(/value: (\d+)/)?.[1]
    expect(counted('token.accepted', 'none')).toBe('2')
    expect(counted('token.refused', 'expired')).toBe('1')
    expect(counted('token.refused', 'wrong_audience')).toBe('1')
    expect(output()).toMatch(/name: 'oauth.events',\s+type: 'COUNTER'/)
    expect(output()).toMatch(/name: 'oauth.duration',\s+type: 'HISTOGRAM'/)
  })
})

describe('examples/testing', () => {
  // The others are vitest's own, which finds them by itself.
  it('node-test.js passes', async () => {
    const args = ['--test', '--test-reporter=tap', 'examples/testing/node-test.js']
    const { stdout } = await run(process.execPath, args, { cwd: root })
    expect(stdout).toMatch(/^# pass 2$/m)
  })
})

describe('every example that listens', () => {
  it.each([
    'express',
    'koa',
    'http',
    'custom-server',
    'mcp-server',
    'observability/log-line',
    'observability/prometheus',
    'observability/opentelemetry',
  ])('%s.js fails where its port is in use', async (name) => {
    const taken = createServer()
    await once(taken.listen(0, '127.0.0.1'), 'listening')
    const PORT = String((taken.address() as AddressInfo).port)
    const env = { ...process.env, ISSUER: issuer.issuer, AUDIENCE: audience, PORT }
    const failure = run(process.execPath, [`examples/${name}.js`], { cwd: root, env })
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('EADDRINUSE'),
    })
    taken.close()
  })
})

describe('every example', () => {
  it.each([
    'express',
    'koa',
    'http',
    'custom-server',
    'machine-client',
    'observability/log-line',
    'observability/prometheus',
    'observability/opentelemetry',
  ])('%s.js names the environment variables that it needs', async (name) => {
    const env = { ...process.env, ISSUER: '', AUDIENCE: '' }
    const failure = run(process.execPath, [`examples/${name}.js`], { cwd: root, env })
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Set ISSUER'),
    })
  })
})

describe('examples/demo.js', () => {
  it('prints every step and exits with 0', async () => {
    const { stdout } = await run(process.execPath, ['examples/demo.js'], { cwd: root })
    const titles = [...stdout.matchAll(/^-- (\d+\. .*?) -+$/gm)].map(([, title]) => title)
    expect(titles).toEqual([
      '1. A program asks the authorization server for a token',
      '2. A request without a token',
      '3. The client finds the authorization server',
      '4. The same request with the token',
      '5. The token lacks a scope',
      '6. The client adds that scope to its token',
      '7. The user must authenticate again',
      '8. An expired token',
      '9. A token for another API',
      '10. A token that is bound to a key of the client',
      '11. The same token, stolen',
      '12. An opaque token, before and after it is revoked',
      '13. The authorization server changes its key',
      '14. The authorization server is down',
    ])
    expect(stdout).not.toContain('✗')
    expect(stdout.match(/✓/g)).toHaveLength(16 * 3 + 3 + 1)
    expect(stdout).toContain('client_secret=a-secret-for-the-demo')
    expect(stdout).toContain('"client_id": "report-robot"')
    expect(stdout).toContain('WWW-Authenticate: Bearer realm="https://api.example.com"')
    expect(stdout).toContain('resource_metadata="https://api.example.com/.well-known/')
    expect(stdout).toContain('acr_values="mfa",')
    expect(stdout).toContain('keys fetched 3 times before, and 3 times for the new key')
    // No whole token is shown, and no line is too long for a terminal of 100 columns.
    expect(stdout).not.toMatch(/eyJ[\w-]+\.eyJ/)
    expect(Math.max(...stdout.split('\n').map((line) => [...line].length))).toBeLessThan(100)
  })

  it('reports an API that accepts every request', async () => {
    const open = createServer((_request, response) => response.end('welcome'))
    await once(open.listen(0, '127.0.0.1'), 'listening')
    const lines: string[] = []
    const url = `http://127.0.0.1:${(open.address() as AddressInfo).port}`
    const api = { name: 'open', url, close: () => open.close() }
    const own = await createTestIssuer({ audience, clients: [client] })
    expect(await runFlow(own, [api], (line) => lines.push(line))).toBe(false)
    expect(lines).toContain('  expected     401 with a challenge')
    expect(lines).toContain('  ✗ open       200')
    expect(lines.at(-1)).toMatch(/^\n✗ Unexpected: \d+\.$/)
    await own.close()
    open.close()
    open.closeAllConnections()
  })

  it.runIf(hasCurl)(
    'with --serve keeps the servers running for the curl commands that it prints',
    async () => {
      const { output, child } = await start(
        ['examples/demo.js', '--serve'],
        /(\ncurl --include.*){3}/,
      )
      const printed = output().slice(output().indexOf('The servers keep running'))
      const commands = printed.split('\n').filter((line) => !/^(?!TOKEN)[A-Z].*:$/.test(line))
      // Run the commands as a reader who copies them.
      const { stdout } = await run('sh', ['-c', commands.join('\n')])
      expect(stdout).toMatch(/^\{"access_token":"eyJ/)
      expect(stdout.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
      expect(stdout.match(/"client_id":"report-robot"/g)).toHaveLength(3)

      child.kill('SIGINT')
      expect(await once(child, 'exit')).toEqual([0, null])
    },
  )
})
