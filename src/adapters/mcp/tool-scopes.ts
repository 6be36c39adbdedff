/**
 * @module Scopes for each tool of an MCP server. They are enforced before the MCP SDK sees the
 * request, because only an HTTP response makes clients ask for a token with more scopes.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization | MCP, authorization}
 */
import { toError } from '../../internal/callback.ts'
import { readOwnOptions } from '../../options/checks.ts'
import { type CompiledRequirement, compileRequirement } from '../../requirement/requirement.ts'
import { findAuthentication } from '../authentication-record.ts'
import { authorizeConnect, type ConnectMiddleware } from '../connect.ts'
import type { Response } from '../error-response.ts'
import { callNext } from '../next.ts'
import { findToolCalls, type MalformedRequest, type ToolCalls } from './tool-calls.ts'

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
 * @param scopes The scopes of each tool, by its exact name; an empty list requires none.
 * @throws TypeError for a wrong scope or option.
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
    else authorizeConnect(required, request, response, next)
  }
}

// No token can fulfil it.
const refusal = compileRequirement({ check: () => false }, 'toolScopes')

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
  if (typeof scopes !== 'object' || scopes === null || Array.isArray(scopes)) {
    throw new TypeError('toolScopes takes an object with the scopes of each tool')
  }
  const table = new Map(
    Object.entries(scopes).map(([tool, value]) => [tool, compileTool(tool, value)]),
  )
  return (calls) => {
    const needed = new Set<string>()
    for (const tool of calls) {
      const own = table.get(tool)
      if (own !== undefined) for (const scope of own) needed.add(scope)
      else if (otherwise === 'refuse') return refusal
    }
    return needed.size === 0 ? undefined : compileRequirement({ scopes: [...needed] }, 'toolScopes')
  }
}

function compileTool(tool: string, scopes: string | readonly string[]): readonly string[] {
  if (Array.isArray(scopes) && scopes.length === 0) return []
  return compileRequirement({ scopes }, `toolScopes.${tool}`).scopes
}

function sendMalformed(response: Response, error: MalformedRequest): void {
  const body = JSON.stringify({ jsonrpc: '2.0', error, id: null })
  response.statusCode = 400
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', String(body.length))
  response.end(body)
}
