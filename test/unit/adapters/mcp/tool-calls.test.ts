import { describe, expect, it } from 'vitest'
import { findToolCalls } from '../../../../src/adapters/mcp/tool-calls.ts'

const json = { 'content-type': 'application/json', 'content-length': '9' }
const call = (name: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const modern = { 'mcp-protocol-version': '2026-07-28' }

interface Parts {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly headersDistinct?: Record<string, string[]>
  readonly body?: unknown
}

/** The names of the tools, or the code of the error. */
function find({ method = 'POST', headers = {}, ...rest }: Parts): string[] | number {
  const found = findToolCalls({ method, headers: { ...json, ...headers }, ...rest })
  return 'code' in found ? found.code : [...found]
}

describe('findToolCalls: the body', () => {
  it('finds the tool of a request and of a notification', () => {
    expect(find({ body: call('send_mail') })).toEqual(['send_mail'])
    expect(find({ body: { method: 'tools/call', params: { name: 'a' } } })).toEqual(['a'])
  })

  it('finds the tools of every message of a batch, each once', () => {
    const body = [list, call('a'), { id: 1, result: {} }, call('b'), call('a')]
    expect(find({ body })).toEqual(['a', 'b'])
  })

  it('ignores other methods; method names are case-sensitive', () => {
    for (const method of ['initialize', 'tools/list', 'Tools/Call', 'tools/call ', '']) {
      expect(find({ body: { ...call('a'), method } })).toEqual([])
    }
  })

  it('finds the tool of a call that has a result or an error too', () => {
    for (const member of [{ result: {} }, { error: {} }]) {
      expect(find({ body: { ...call('a'), ...member } })).toEqual(['a'])
    }
  })

  it('finds nothing in responses', () => {
    expect(find({ body: { id: 1, result: {} } })).toEqual([])
    expect(find({ body: [{ id: 1, error: {} }] })).toEqual([])
  })

  it('keeps the last of a repeated key, as the parser does', () => {
    const body = JSON.parse('{"method":"tools/list","method":"tools/call","params":{"name":"a"}}')
    expect(find({ body })).toEqual(['a'])
  })

  it('refuses what is not a JSON-RPC message', () => {
    const inherited = Object.create({ method: 'tools/list' })
    for (const body of [{}, [], [[list]], [null], ['a'], { method: 1 }, { id: 1 }, inherited]) {
      expect(find({ body })).toBe(-32600)
    }
  })

  it('says what is wrong', () => {
    const refusalOf = (headers: Record<string, string>, body?: unknown) =>
      findToolCalls({ method: 'POST', headers: { ...json, ...headers }, body })
    expect(refusalOf({}, [])).toEqual({
      status: 400,
      code: -32600,
      message: 'The body is not a JSON-RPC message',
    })
    expect(refusalOf({}, call(1))).toEqual({
      status: 400,
      code: -32602,
      message: 'tools/call requires params.name, a string',
    })
    expect(refusalOf({ ...modern, 'mcp-method': 'tools/call' })).toEqual({
      status: 400,
      code: -32020,
      message: 'The headers Mcp-Method and Mcp-Name are malformed',
    })
    expect(refusalOf({ 'content-type': 'text/plain' })).toEqual({
      status: 415,
      code: -32000,
      message: 'Content-Type must be application/json',
    })
  })

  it('reads a parsed body without headers', () => {
    for (const headers of [undefined, null, {}]) {
      expect(findToolCalls({ method: 'POST', headers, body: call('a') })).toEqual(new Set(['a']))
      expect(findToolCalls({ method: 'POST', headers })).toMatchObject({ code: -32000 })
    }
  })

  it('refuses a request without a body', () => {
    const headers = { 'content-type': 'application/json' }
    for (const fields of [headers, new Headers(headers)]) {
      expect(findToolCalls({ method: 'POST', headers: fields })).toMatchObject({ code: -32600 })
    }
  })

  it('refuses a call whose name is not a string', () => {
    for (const name of [undefined, null, 1, ['send_mail'], { toString: () => 'a' }]) {
      expect(find({ body: call(name) })).toBe(-32602)
    }
    for (const params of [undefined, null, 'name', Object.create({ name: 'a' })]) {
      expect(find({ body: { method: 'tools/call', params } })).toBe(-32602)
    }
  })

  it('throws where a JSON body is not parsed, and refuses other bodies', () => {
    const message = 'toolScopes() found no parsed body: mount express.json() before it'
    for (const body of [undefined, null, 'text', Buffer.from('{}')]) {
      expect(() => find({ body })).toThrow(new TypeError(message))
    }
    expect(find({ headers: { 'content-length': '0' } })).toBe(-32600)
    const chunked = { 'content-length': '0', 'transfer-encoding': 'chunked' }
    expect(() => find({ headers: chunked })).toThrow(message)
  })

  it.each([
    'text/plain',
    'text/plain; a="application/json"',
    'text/plain; a=application/json',
    'application/json;',
    'application/json; charset=',
    'application/json; charset="utf-8',
    'application/json, text/plain',
    'application/jsonp',
    'application/vnd.api+json',
    'application /json',
    'application/json;\tcharset=utf-8',
    '',
  ])('refuses a body that is not parsed and has the type %j, whatever Mcp-Method says', (type) => {
    for (const body of [undefined, null, '{}', Buffer.from('{}')]) {
      for (const claim of [{}, { ...modern, 'mcp-method': 'tools/list' }]) {
        expect(find({ body, headers: { ...claim, 'content-type': type } })).toBe(-32000)
      }
    }
    const twice = ['application/json', 'text/plain']
    expect(
      find({ headers: { 'content-type': twice }, headersDistinct: { 'content-type': twice } }),
    ).toBe(-32000)
  })

  it.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json ; charset="utf-8"; a=b ',
  ])('takes the type %j as JSON', (type) => {
    const headers = { ...modern, 'mcp-method': 'tools/list', 'content-type': type }
    expect(find({ headers })).toEqual([])
  })

  it('does not look for messages in requests that have none', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) expect(find({ method })).toEqual([])
    for (const method of ['PUT', 'PATCH', 'get']) expect(() => find({ method })).toThrow(TypeError)
  })
})

describe('findToolCalls: the headers', () => {
  const claim = (name: string, method = 'tools/call') => ({
    ...modern,
    'mcp-method': method,
    'mcp-name': name,
  })

  it('decide where the body is not parsed', () => {
    expect(find({ headers: claim('send_mail') })).toEqual(['send_mail'])
    expect(find({ headers: { ...modern, 'mcp-method': 'tools/list' } })).toEqual([])
  })

  it('count in addition to a parsed body', () => {
    expect(find({ headers: claim('a'), body: call('b') })).toEqual(['b', 'a'])
    expect(find({ headers: claim('a'), body: list })).toEqual(['a'])
  })

  it('do not count in older and unknown versions', () => {
    const versions = ['2025-11-25', '', 'DRAFT', '2026-07-28 ', '12026-07-28', 'v2026-07-28', '9']
    for (const version of versions) {
      const headers = { ...claim('a'), 'mcp-protocol-version': version }
      expect(find({ headers, body: call('b') })).toEqual(['b'])
      expect(() => find({ headers })).toThrow(TypeError)
    }
    const twice = ['2026-07-28', '2026-07-28']
    expect(() => find({ headers: { ...claim('a'), 'mcp-protocol-version': twice } })).toThrow()
    const later = { ...claim('a'), 'mcp-protocol-version': '2027-01-01' }
    expect(find({ headers: later })).toEqual(['a'])
  })

  it('may have a name in Base64', () => {
    const name = (value: string) => find({ headers: claim(`=?base64?${value}?=`) })
    expect(name(Buffer.from('送信').toString('base64'))).toEqual(['送信'])
    expect(name('SGVsbG8sIOS4lueVjA==')).toEqual(['Hello, 世界'])
    expect(name('PT9iYXNlNjQ/bGl0ZXJhbD89')).toEqual(['=?base64?literal?='])
    expect(find({ headers: claim('=?BASE64?YQ==?=') })).toEqual(['=?BASE64?YQ==?='])
    // Not canonical, not UTF-8, and with a byte order mark that decoders drop.
    for (const value of ['YR==', 'YQ', 'YQ= =', '/w==', '77u/YQ==', '*']) {
      expect(name(value)).toBe(-32020)
    }
  })

  it('are refused where they are incomplete or repeated', () => {
    expect(find({ headers: { ...modern, 'mcp-method': 'tools/call' } })).toBe(-32020)
    expect(find({ headers: claim('a', 'tools/call, tools/list') })).toBe(-32020)
    const headersDistinct = { 'mcp-name': ['a', 'b'] }
    expect(find({ headers: claim('a, b'), headersDistinct })).toBe(-32020)
    const methods = { 'mcp-method': ['tools/list', 'tools/call'] }
    expect(find({ headers: claim('a'), headersDistinct: methods })).toBe(-32020)
    expect(find({ headers: claim('a', 'tools/call, tools/list'), body: call('a') })).toBe(-32020)
    expect(find({ headers: claim('a'), body: [] })).toBe(-32600)
    expect(() => find({ headers: modern })).toThrow(TypeError)
    expect(find({ headers: claim('a'), body: call('a') })).toEqual(['a'])
  })

  it('are read from Headers too', () => {
    const headers = new Headers({ ...json, ...claim('a') })
    expect([...(findToolCalls({ method: 'POST', headers }) as Set<string>)]).toEqual(['a'])
    headers.delete('mcp-name')
    expect(findToolCalls({ method: 'POST', headers })).toMatchObject({ code: -32020 })
  })
})
