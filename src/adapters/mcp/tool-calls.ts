/**
 * @module Finds the tools that an MCP request calls. Reads every message of the body, because the server
 * executes the body. Some headers repeat the body. They are read only for protocol versions in which a server
 * must compare the two.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http | MCP, Streamable HTTP}
 */
import { Buffer } from 'node:buffer'
import type { HttpRequest } from '../../access-token.ts'
import { isJsonObject } from '../../internal/json-object.ts'
import { getOwn } from '../../internal/own-property.ts'

/** The names of the tools that a request calls. */
export type ToolCalls = ReadonlySet<string>

/** A JSON-RPC error, with which a request is refused. */
export interface JsonRpcError {
  /** The status of the HTTP response. */
  readonly status: 400 | 403 | 415
  /** A code of JSON-RPC 2.0 §5.1 or of MCP. */
  readonly code: number
  readonly message: string
}

const noCalls: ToolCalls = new Set()
// The first protocol version in which a server must compare the headers with the body.
const firstVersionWithHeaders = '2026-07-28'

const invalidMessage: JsonRpcError = {
  status: 400,
  code: -32600,
  message: 'The body is not a JSON-RPC message',
}
const invalidCall: JsonRpcError = {
  status: 400,
  code: -32602,
  message: 'tools/call requires params.name, a string',
}
const invalidHeaders: JsonRpcError = {
  status: 400,
  code: -32020,
  message: 'The headers Mcp-Method and Mcp-Name are malformed',
}
const unsupportedMediaType: JsonRpcError = {
  status: 415,
  code: -32000,
  message: 'Content-Type must be application/json',
}

/**
 * Finds the tools that a request calls.
 *
 * @throws TypeError where a JSON body has not been parsed, which is a programming mistake.
 */
export function findToolCalls(request: HttpRequest): ToolCalls | JsonRpcError {
  // Only these methods carry no message: GET opens a stream, DELETE ends a session.
  if (['GET', 'HEAD', 'OPTIONS', 'DELETE'].includes(request.method ?? '')) return noCalls
  const inHeaders = findCallsInHeaders(request)
  if (inHeaders !== undefined && 'code' in inHeaders) return inHeaders
  const { body } = request
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) {
    // express.json() ignores other media types. SDK versions before 1.13 parse some of them, so requests with
    // another type must be refused.
    if (!hasJsonType(request)) return unsupportedMediaType
    if (inHeaders !== undefined) return inHeaders
    if (!hasBody(request)) return invalidMessage
    throw new TypeError('toolScopes() found no parsed body: mount express.json() before it')
  }
  const inBody = findCallsInBody(body)
  if ('code' in inBody || inHeaders === undefined) return inBody
  return new Set([...inBody, ...inHeaders])
}

/**
 * @param body The parsed body. If a member name was repeated, the parser kept the last member, which is also
 * what the server executes.
 */
function findCallsInBody(body: object): ToolCalls | JsonRpcError {
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body]
  if (messages.length === 0) return invalidMessage
  const tools = new Set<string>()
  for (const message of messages) {
    if (!isJsonObject(message)) return invalidMessage
    const method = getOwn(message, 'method')
    if (method === undefined && isResponse(message)) continue
    if (typeof method !== 'string') return invalidMessage
    if (method !== 'tools/call') continue
    const params = getOwn(message, 'params')
    const name = typeof params === 'object' && params !== null ? getOwn(params, 'name') : undefined
    if (typeof name !== 'string') return invalidCall
    tools.add(name)
  }
  return tools
}

/** Whether a message is a JSON-RPC response. Clients of older versions send them. */
function isResponse(message: object): boolean {
  return Object.hasOwn(message, 'result') || Object.hasOwn(message, 'error')
}

/**
 * Finds the tool that Mcp-Method and Mcp-Name name. Returns `undefined` without Mcp-Method, and if
 * MCP-Protocol-Version is missing, repeated, malformed or before 2026-07-28: servers of older versions do not
 * compare headers with the body.
 */
function findCallsInHeaders(request: HttpRequest): ToolCalls | JsonRpcError | undefined {
  const [version, ...otherVersions] = readHeader(request, 'mcp-protocol-version')
  const methods = readHeader(request, 'mcp-method')
  const names = readHeader(request, 'mcp-name')
  if (version === undefined || otherVersions.length > 0 || methods.length === 0) return undefined
  if (!/^\d{4}-\d\d-\d\d$/.test(version) || version < firstVersionWithHeaders) return undefined
  const [method = ''] = methods
  if (methods.length > 1 || names.length > 1 || /[\s,]/.test(method)) return invalidHeaders
  if (method !== 'tools/call') return noCalls
  const name = decodeName(names.at(0))
  return name === undefined ? invalidHeaders : new Set([name])
}

/** Returns the values of a header field: its lines, or one value where they were joined. */
function readHeader({ headers, headersDistinct }: HttpRequest, name: string): readonly string[] {
  if (headers === undefined || headers === null) return []
  if (typeof headers.get === 'function') return [(headers as Headers).get(name) ?? []].flat()
  const lines = getOwn(headersDistinct ?? {}, name) ?? getOwn(headers, name) ?? []
  return [lines].flat() as string[]
}

const base64Prefix = '=?base64?'
const base64Suffix = '?='

/** Decodes Mcp-Name: names that are not plain ASCII are sent as Base64 of their UTF-8. */
function decodeName(value: string | undefined): string | undefined {
  if (!value?.startsWith(base64Prefix) || !value.endsWith(base64Suffix)) return value
  const encoded = value.slice(base64Prefix.length, -base64Suffix.length)
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  const name = bytes.toString()
  // Some decoders drop a byte order mark, and so would read another name.
  const isExact = Buffer.from(name).equals(bytes) && !name.startsWith('\ufeff')
  return isExact ? name : undefined
}

// RFC 9110 §5.6.6, narrower: without tabs and escapes, so that `express.json()` parses the body of every
// type that matches.
const jsonType =
  /^application\/json(?: *; *[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"[ !#-[\]-~]*"))* *$/i

function hasJsonType(request: HttpRequest): boolean {
  const types = readHeader(request, 'content-type')
  return types.length === 1 && jsonType.test(types[0] ?? '')
}

function hasBody(request: HttpRequest): boolean {
  const [length = '0'] = readHeader(request, 'content-length')
  return length !== '0' || readHeader(request, 'transfer-encoding').length > 0
}
