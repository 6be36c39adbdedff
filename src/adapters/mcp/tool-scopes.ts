/**
 * @module Requires scopes for each tool of an MCP server. Checks them before the MCP SDK gets the request,
 * because only a challenge in the HTTP response makes clients request a token with more scopes.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization | MCP, authorization}
 */
import { toError } from '../../internal/callback.ts'
import { isJsonObject } from '../../internal/json-object.ts'
import { printable } from '../../internal/printable.ts'
import { readOwnOptions } from '../../options/checks.ts'
import {
  type CompiledRequirement,
  compileRequirement,
  createUnfulfillableRequirement,
} from '../../requirement/requirement.ts'
import { checkScopes } from '../../requirement/scopes.ts'
import { findAuthentication } from '../authentication-record.ts'
import { authorizeConnect, type ConnectMiddleware } from '../connect.ts'
import { type NodeResponse, type SendRefusal, sendErrorResponse } from '../error-response.ts'
import { callNext } from '../next.ts'
import { findToolCalls, type JsonRpcError, type ToolCalls } from './tool-calls.ts'

export interface ToolScopesOptions {
  /**
   * What happens to calls of tools that are not listed.
   * @defaultValue `'refuse'`
   */
  readonly otherwise?: 'refuse' | 'allow' | undefined
}

/**
 * Creates a middleware that requires scopes for tool calls. Mount it after `authenticate` and
 * `express.json()`, and before the transport of the MCP SDK. If the token lacks a scope, the response is 403,
 * and the challenge names every scope that the request needs. In a batch, every call must be allowed.
 * Messages with a method other than `tools/call` pass.
 *
 * Unless `otherwise` is `'allow'`, a call of a tool that is not listed gets 403, without `error` and `scope`
 * in the challenge, because more scopes would not help. The body is a JSON-RPC error.
 *
 * @param scopes The scopes of each tool, by its exact name; an empty list requires none.
 * @throws TypeError for a wrong scope or option, and for a table without a tool unless other tools are
 * allowed.
 */
export function toolScopes(
  scopes: Readonly<Record<string, string | readonly string[]>>,
  options: ToolScopesOptions = {},
): ConnectMiddleware {
  const findRequirement = compileTools(scopes, options)
  return function toolScopes(request, response, next) {
    let required: CompiledRequirement | undefined
    try {
      findAuthentication(request, 'toolScopes()')
      const calls = findToolCalls(request)
      if ('code' in calls) {
        refuseUnreadable(response as NodeResponse, calls)
        return
      }
      required = findRequirement(calls)
    } catch (error) {
      callNext(next, toError(error))
      return
    }
    if (required === undefined) callNext(next)
    else authorizeConnect(required, request, response, next, createSender(required))
  }
}

/** Returns a function that finds the requirement for tool calls; `undefined` if they need none. */
function compileTools(
  scopes: Readonly<Record<string, string | readonly string[]>>,
  options: ToolScopesOptions,
): (calls: ToolCalls) => CompiledRequirement | undefined {
  const { otherwise = 'refuse' } = readOwnOptions<ToolScopesOptions>(
    options,
    ['otherwise'],
    'toolScopes',
  )
  if (otherwise !== 'refuse' && otherwise !== 'allow') {
    throw new TypeError("toolScopes.otherwise must be 'refuse' or 'allow'")
  }
  if (!isJsonObject(scopes)) {
    throw new TypeError('toolScopes takes an object with the scopes of each tool')
  }
  if (otherwise === 'refuse' && Object.keys(scopes).length === 0) {
    throw new TypeError(
      "toolScopes lists no tool, so it would refuse every call: list the tools, or set otherwise: 'allow'",
    )
  }
  const table = new Map(
    Object.entries(scopes).map(([tool, value]) => [tool, compileTool(tool, value)]),
  )
  return (calls) => {
    const needed = new Set<string>()
    for (const tool of calls) {
      const scopesOfTool = table.get(tool)
      if (scopesOfTool !== undefined) for (const scope of scopesOfTool) needed.add(scope)
      else if (otherwise === 'refuse') return createUnfulfillableRequirement(hintForUnlisted(tool))
    }
    return needed.size === 0 ? undefined : compileRequirement({ scopes: [...needed] }, 'toolScopes')
  }
}

function compileTool(tool: string, scopes: string | readonly string[]): readonly string[] {
  if (Array.isArray(scopes) && scopes.length === 0) return []
  // `checkScopes` accepts `undefined` as not set; for a tool it must be an error.
  return checkScopes(scopes ?? null, `toolScopes.${tool}`)
}

function hintForUnlisted(tool: string): string {
  return `toolScopes does not list the tool "${printable(tool)}", so no token allows it`
}

/** Refuses a request whose tool calls cannot be read. */
function refuseUnreadable(response: NodeResponse, error: JsonRpcError): void {
  response.setHeader('Cache-Control', 'no-store')
  sendJsonRpcError(response, error)
}

const unlistedTool: JsonRpcError = {
  status: 403,
  // -32602: the code that MCP defines for an unknown tool.
  code: -32602,
  message: 'The tool is unknown, or no access token allows it',
}

/**
 * Creates the function that sends a refusal if the request calls an unlisted tool. The body is a JSON-RPC
 * error, which MCP clients show.
 *
 * @returns `undefined` for a requirement of scopes: its refusals are sent as usual.
 */
function createSender({ unfulfillableReason }: CompiledRequirement): SendRefusal | undefined {
  if (unfulfillableReason === undefined) return undefined
  return (response, error) => {
    // The request may be refused for another reason: it may be anonymous, or a requirement of the validator
    // may not be fulfilled.
    const isUnlisted = error.detail.hint === unfulfillableReason
    if (isUnlisted) sendJsonRpcError(response, unlistedTool)
    else sendErrorResponse(response, error)
  }
}

function sendJsonRpcError(response: NodeResponse, { status, code, message }: JsonRpcError): void {
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null })
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', String(body.length))
  response.end(body)
}
