/** MCP servers on both versions of the SDK, each behind the middleware of this package. */
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as McpServer2 } from '@modelcontextprotocol/server'
import express, { type RequestHandler, Router } from 'express'
import type { Validator } from 'oauth-resource-server'
import { authenticate, toolScopes } from 'oauth-resource-server/mcp'

const toolTable = {
  list_mail: 'mail:read',
  send_mail: 'mail:send',
  archive_mail: ['mail:read', 'mail:send'],
  送信: 'mail:send',
  ping: [],
}

interface Ran {
  readonly tool: string
  readonly authInfo: unknown
}

export interface McpEndpointOptions {
  readonly validator: Validator
  readonly path: string
  readonly otherwise?: 'refuse' | 'allow'
  readonly tools?: readonly string[]
  /** `false`: the SDK reads the body. */
  readonly parseBody?: boolean
  /** Instead of the middleware of this package. */
  readonly middleware?: readonly RequestHandler[]
}

export interface McpEndpoint {
  readonly router: Router
  /** The tools that ran, with what the SDK passed to them. */
  readonly ran: Ran[]
}

export type McpSdk = 'SDK 1.x' | 'SDK 2.x'

/** Creates an MCP endpoint. Its tools need the scopes of the table, which does not list `unlisted`. */
export function createMcpEndpoint(sdk: McpSdk, options: McpEndpointOptions): McpEndpoint {
  const { validator, path, otherwise, parseBody = true } = options
  const { tools = ['list_mail', 'send_mail', 'archive_mail', 'ping', 'unlisted'] } = options
  const ran: Ran[] = []
  const middleware = options.middleware ?? [
    authenticate(validator, { requirement: { scopes: 'mcp' } }),
    ...(parseBody ? [express.json()] : []),
    toolScopes(toolTable, { otherwise }),
  ]
  const run = (tool: string, authInfo: unknown) => {
    ran.push({ tool, authInfo })
    return { content: [{ type: 'text' as const, text: `ran ${tool}` }] }
  }
  const router = Router()
  router.all(path, ...middleware, sdk === 'SDK 1.x' ? serve1(tools, run) : serve2(tools, run))
  return { router, ran }
}

type Run = (tool: string, authInfo: unknown) => { content: { type: 'text'; text: string }[] }

function serve1(tools: readonly string[], run: Run): RequestHandler {
  return async (request, response) => {
    if (request.method !== 'POST') {
      response.status(405).end()
      return
    }
    const server = new McpServer1({ name: 'mail', version: '1.0.0' })
    for (const tool of tools) {
      server.registerTool(tool, {}, ({ authInfo }) => run(tool, authInfo))
    }
    const transport = new StreamableHTTPServerTransport()
    response.on('close', () => transport.close())
    await server.connect(transport as never)
    await transport.handleRequest(request as never, response, request.body)
  }
}

function serve2(tools: readonly string[], run: Run): RequestHandler {
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer2({ name: 'mail', version: '1.0.0' })
      for (const tool of tools) {
        server.registerTool(tool, {}, ({ http }) => run(tool, http?.authInfo))
      }
      return server
    }),
  )
  return (request, response) => handler(request as never, response, request.body)
}

/** Creates an application with these routers. It parses no bodies: each endpoint does. */
export function createMcpApp(routers: readonly (Router | RequestHandler)[]): express.Express {
  const app = express()
  for (const router of routers) app.use(router)
  return app
}
