import { authenticate, toolScopes } from 'oauth-resource-server/mcp'
import { describe, expect, it, vi } from 'vitest'
import { fixtureValidator, t0 } from '../../../support/fixture.ts'

const call = (name: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

/** Sends a call of an authenticated client to `toolScopes`, and returns the response. */
async function respondTo(body: unknown, scopes: Parameters<typeof toolScopes>[0] = { ping: [] }) {
  const headers = new Map<string, unknown>()
  const response = {
    headersSent: false,
    statusCode: 200,
    getHeader: (name: string) => headers.get(name),
    setHeader: (name: string, value: unknown) => headers.set(name, value),
    removeHeader() {},
    end: vi.fn(),
  }
  const authorization = `Bearer ${t0()}`
  const request = { method: 'POST', headers: { authorization }, body }
  await new Promise((resolve) => {
    authenticate(fixtureValidator())(request as never, response as never, resolve)
  })
  const next = vi.fn()
  toolScopes(scopes)(request as never, response as never, next)
  await vi.waitFor(() => expect(next.mock.calls.length + response.end.mock.calls.length).toBe(1))
  const [text = ''] = (response.end.mock.calls[0] ?? []) as string[]
  return { status: response.statusCode, headers, text, isNext: next.mock.calls.length === 1 }
}

describe('toolScopes', () => {
  it('passes a call of a tool that needs no scope', async () => {
    expect(await respondTo(call('ping'))).toMatchObject({ isNext: true })
  })

  it.each(['read:a other', ['read:a', 'other']])(
    'refuses a call of a tool that needs a scope which the token lacks: %j',
    async (scopes) => {
      expect(await respondTo(call('ping'), { ping: scopes })).toMatchObject({ status: 403 })
      expect(await respondTo(call('ping'), { ping: ['read:a'] })).toMatchObject({ isNext: true })
    },
  )

  it('responds to a call that cannot be read with a JSON-RPC error, which is not stored', async () => {
    const { status, headers, text } = await respondTo(call(1))
    expect(status).toBe(400)
    expect(Object.fromEntries(headers)).toEqual({
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json',
      'Content-Length': String(text.length),
    })
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      error: { code: -32602, message: 'tools/call requires params.name, a string' },
      id: null,
    })
  })

  it('responds to a call of a tool that is not listed with a JSON-RPC error', async () => {
    const { status, headers, text } = await respondTo(call('other'))
    expect(status).toBe(403)
    expect(headers.get('Content-Type')).toBe('application/json')
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      error: { code: -32602, message: 'The tool is unknown, or no access token allows it' },
      id: null,
    })
  })

  it.each<[string, () => unknown]>([
    [
      'toolScopes has no option "other"; its options are otherwise',
      () => toolScopes({ ping: [] }, { other: 1 } as object),
    ],
    [
      "toolScopes.otherwise must be 'refuse' or 'allow'",
      () => toolScopes({ ping: [] }, { otherwise: 'pass' as never }),
    ],
    ['toolScopes takes an object with the scopes of each tool', () => toolScopes([] as never)],
    [
      "toolScopes lists no tool, so it would refuse every call: list the tools, or set otherwise: 'allow'",
      () => toolScopes({}),
    ],
  ])('throws: %s', (message, make) => {
    expect(make).toThrow(new TypeError(message))
  })
})
