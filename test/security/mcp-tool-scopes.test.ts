/**
 * That no request runs a tool without its scopes: what a client may send, against the real servers of
 * both versions of the MCP SDK.
 */

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { AUD, fixtureValidator, t0 } from '../support/fixture.ts'
import {
  createMcpApp,
  createMcpEndpoint,
  type McpEndpoint,
  type McpEndpointOptions,
  type McpSdk,
} from '../support/mcp-servers.ts'

const sdks: readonly McpSdk[] = ['SDK 1.x', 'SDK 2.x']
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

interface Started extends McpEndpoint {
  readonly post: (
    body: unknown,
    headers?: Readonly<Record<string, string>>,
    scope?: string,
  ) => Promise<{ status: number; headers: Headers; text: string }>
}

async function start(sdk: McpSdk, options: Partial<McpEndpointOptions> = {}): Promise<Started> {
  const validator = fixtureValidator({ audience: AUD })
  const endpoint = createMcpEndpoint(sdk, { validator, path: '/mcp', ...options })
  const server = createMcpApp([endpoint.router]).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  return {
    ...endpoint,
    async post(body, headers = {}, scope = 'mcp mail:read') {
      const response = await fetch(url, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: {
          authorization: `Bearer ${t0({ scope })}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
  }
}

const call = (name: unknown, id: number | undefined = 1, meta?: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {}, ...(meta && { _meta: meta }) },
})
const list = { jsonrpc: '2.0', id: 9, method: 'tools/list' }
const initialize = {
  jsonrpc: '2.0',
  id: 8,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
}
const envelope = (version: string) => ({
  'io.modelcontextprotocol/protocolVersion': version,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
})

const versions = ['2026-07-28', '2099-12-31', '2025-11-25', 'DRAFT-2099', '']
const claims: readonly Record<string, string>[] = [
  {},
  { 'mcp-method': 'tools/list' },
  { 'mcp-method': 'tools/call', 'mcp-name': 'list_mail' },
  { 'mcp-method': 'tools/call, tools/list', 'mcp-name': 'list_mail' },
  { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?77u/c2VuZF9tYWls?=' },
  { 'mcp-method': 'Tools/Call', 'mcp-name': 'send_mail' },
]
const bodies = [
  call('send_mail'),
  [call('send_mail')],
  [list, call('send_mail', 2)],
  [call('list_mail', 1), call('send_mail', 2)],
  [initialize, call('send_mail', 2)],
  { ...call('send_mail'), id: undefined },
  ...versions.map((version) => call('send_mail', 1, envelope(version))),
  '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"send_mail"}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_mail","name":"send_mail"}}',
  '\ufeff{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_mail"}}',
]
const types = ['application/json', 'application/json;charset=utf-8', 'text/plain', 'a/b+json']

describe.each(sdks)('%s', (sdk) => {
  it.each([
    ['the body is parsed', true],
    ['the SDK reads the body', false],
  ])(
    'never runs a tool without its scopes where %s',
    async (_where, parseBody) => {
      const endpoint = await start(sdk, { otherwise: 'allow', parseBody })
      for (const version of versions) {
        for (const claim of claims) {
          const headers = { ...(version && { 'mcp-protocol-version': version }), ...claim }
          await Promise.all(bodies.map((body) => endpoint.post(body, headers)))
        }
      }
      for (const type of types) {
        await Promise.all(bodies.map((body) => endpoint.post(body, { 'content-type': type })))
      }
      expect(endpoint.ran.filter(({ tool }) => tool !== 'list_mail')).toEqual([])
      // With the scope it runs. SDK 1.x does not know the version, and compares no headers with a body.
      const [version = ''] = versions
      const headers = {
        'mcp-protocol-version': version,
        'mcp-method': 'tools/call',
        'mcp-name': 'send_mail',
      }
      await (sdk === 'SDK 2.x'
        ? endpoint.post(call('send_mail', 1, envelope(version)), headers, 'mcp mail:send')
        : endpoint.post(call('send_mail'), {}, 'mcp mail:send'))
      const runs = parseBody || sdk === 'SDK 2.x'
      expect(endpoint.ran.map(({ tool }) => tool)).toEqual(runs ? ['send_mail'] : [])
    },
    60_000,
  )

  it('responds with 415 to a type that the parser skips, even if the headers name another method', async () => {
    const endpoint = await start(sdk, { parseBody: true })
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
      'content-type': 'text/plain; a="application/json"',
    }
    const { status, text } = await endpoint.post(call('send_mail'), headers)
    expect([status, JSON.parse(text)]).toEqual([
      415,
      {
        jsonrpc: '2.0',
        error: { code: -32000, message: 'Content-Type must be application/json' },
        id: null,
      },
    ])
    expect(endpoint.ran).toEqual([])
  })
})
