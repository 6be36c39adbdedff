/**
 * @module Scopes for each tool of an MCP server. They are enforced before the MCP SDK sees the
 * request, because only an HTTP response makes clients ask for a token with more scopes.
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
  createDenial,
} from '../../requirement/requirement.ts'
import { checkScopes } from '../../requirement/scopes.ts'
import { findAuthentication } from '../authentication-record.ts'
import { authorizeConnect, type ConnectMiddleware } from '../connect.ts'
import { type Response, type SendRefusal, sendErrorResponse } from '../error-response.ts'
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
 * Creates a middleware that requires scopes of the calls of tools. Mount it after `authenticate` and
 * `express.json()`, and before the transport of the MCP SDK. A call without its scopes gets 403, with
 * every scope that the request needs in the challenge; of a batch, all calls must be allowed. Other
 * methods than `tools/call` pass.
 *
 * A call of a tool that is not listed gets 403 without `error` and `scope` in the challenge, because no
 * token with more scopes would help. The body is a JSON-RPC error.
 *
 * @param scopes The scopes of each tool, by its exact name; an empty list requires none.
 * @throws TypeError for a wrong scope or option, and for a table without a tool unless other tools are
 * allowed.
 */
export function toolScopes(
  scopes: Readonly<Record<string, string | readonly string[]>>,
  options: ToolScopesOptions = {},
): ConnectMiddleware {
  const requirementOf = compileTools(scopes, options)
  return function toolScopes(request, response, next) {
    let required: CompiledRequirement | undefined
    try {
      findAuthentication(request, 'toolScopes()')
      const calls = findToolCalls(request)
      if ('code' in calls) {
        sendMalformed(response as Response, calls)
        return
      }
      required = requirementOf(calls)
    } catch (error) {
      callNext(next, toError(error))
      return
    }
    if (required === undefined) callNext(next)
    else authorizeConnect(required, request, response, next, createSender(required))
  }
}

/** Returns a function that finds what a request must be allowed; `undefined`: nothing. */
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
      else if (otherwise === 'refuse') return createDenial(hintForUnlisted(tool))
    }
    return needed.size === 0 ? undefined : compileRequirement({ scopes: [...needed] }, 'toolScopes')
  }
}

function compileTool(tool: string, scopes: string | readonly string[]): readonly string[] {
  if (Array.isArray(scopes) && scopes.length === 0) return []
  // `checkScopes` accepts `undefined` as not set; for a tool it must be an error.
  return checkScopes(scopes ?? null, `toolScopes.${tool}`) ?? []
}

const hintForUnlisted = (tool: string): string =>
  `toolScopes does not list the tool "${printable(tool)}", so no token allows it`

function sendMalformed(response: Response, error: JsonRpcError): void {
  response.setHeader('Cache-Control', 'no-store')
  sendJsonRpcError(response, error)
}

const unlistedTool: JsonRpcError = {
  status: 403,
  // -32602: the code that MCP defines for an unknown tool.
  code: -32602,
  message: 'The tool is unknown, or no access token allows it',
}

/** Sends a JSON-RPC error where the refusal has no body: MCP clients show it. */
function createSender({ denial }: CompiledRequirement): SendRefusal | undefined {
  if (denial === undefined) return undefined
  return (response, error) => {
    // The request may also be refused for another reason, for example because it is anonymous.
    if (error.detail.hint === denial) sendJsonRpcError(response, unlistedTool)
    else sendErrorResponse(response, error)
  }
}

function sendJsonRpcError(response: Response, { status, code, message }: JsonRpcError): void {
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null })
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', String(body.length))
  response.end(body)
}
