/** The official MCP clients, 1.x and 2.x, as programs without a browser use them. */
import * as v2 from '@modelcontextprotocol/client'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const redirectUrl = 'http://127.0.0.1:9/callback'

/** Creates what both clients need to get tokens: an `OAuthClientProvider` that keeps everything in memory. */
function createProvider() {
  let tokens: unknown
  let verifier = ''
  let callback = new URLSearchParams()
  let discovered: unknown
  const requests: { readonly scope?: string; readonly resource?: string }[] = []
  return {
    redirectUrl,
    clientMetadata: { client_name: 'test', redirect_uris: [redirectUrl] },
    clientInformation: () => ({ client_id: 'test-client', client_secret: 'test-secret' }),
    tokens: () => tokens as never,
    saveTokens: (saved: unknown) => {
      tokens = saved
    },
    codeVerifier: () => verifier,
    saveCodeVerifier: (saved: string) => {
      verifier = saved
    },
    /** The user agrees at once, so the response is the redirect to the client. */
    async redirectToAuthorization(url: URL): Promise<void> {
      requests.push(Object.fromEntries(url.searchParams))
      const { headers } = await fetch(url, { redirect: 'manual' })
      callback = new URL(headers.get('location') ?? '').searchParams
    },
    discoveryState: () => discovered as never,
    saveDiscoveryState: (state: unknown) => {
      discovered = state
    },
    /** The parameters of each authorization request. */
    requests,
    callback: () => callback,
  }
}

type Provider = ReturnType<typeof createProvider>
type Call = { readonly name: string; readonly arguments?: Record<string, unknown> }
type Result = { readonly content?: unknown; readonly isError?: unknown }

interface McpClient {
  readonly provider: Provider
  readonly connect: () => Promise<void>
  /** Calls a tool, and gets the user's consent where the server asks for more scopes. */
  readonly callTool: (call: Call) => Promise<Result>
  readonly close: () => Promise<void>
}

interface Parts {
  readonly createTransport: (provider: Provider) => unknown
  readonly createClient: () => {
    connect(transport: never): Promise<void>
    callTool(call: Call): Promise<Result>
    close(): Promise<void>
  }
  readonly finish: (transport: unknown, callback: URLSearchParams) => Promise<void>
  readonly isUnauthorized: (error: unknown) => boolean
}

function createMcpClient(parts: Parts): McpClient {
  const provider = createProvider()
  const client = parts.createClient()
  let transport = parts.createTransport(provider)
  async function authorized<T>(run: () => Promise<T>, renew = false): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (!parts.isUnauthorized(error)) throw error
      await parts.finish(transport, provider.callback())
      if (renew) transport = parts.createTransport(provider)
      return await run()
    }
  }
  return {
    provider,
    connect: () => authorized(() => client.connect(transport as never), true),
    callTool: (call) => authorized(() => client.callTool(call)),
    close: () => client.close(),
  }
}

/** `@modelcontextprotocol/sdk` */
const createClient1 = (url: string): McpClient =>
  createMcpClient({
    createClient: () => new Client({ name: 'test', version: '1.0.0' }) as never,
    createTransport: (authProvider) =>
      new StreamableHTTPClientTransport(new URL(url), { authProvider } as never),
    finish: (transport, callback) =>
      (transport as StreamableHTTPClientTransport).finishAuth(callback.get('code') ?? ''),
    isUnauthorized: (error) => error instanceof UnauthorizedError,
  })

/** `@modelcontextprotocol/client` */
const createClient2 = (url: string): McpClient =>
  createMcpClient({
    createClient: () => new v2.Client({ name: 'test', version: '1.0.0' }) as never,
    createTransport: (authProvider) =>
      new v2.StreamableHTTPClientTransport(new URL(url), { authProvider } as never),
    finish: (transport, callback) =>
      (transport as v2.StreamableHTTPClientTransport).finishAuth(callback),
    isUnauthorized: (error) => error instanceof v2.UnauthorizedError,
  })

export const mcpClients = { 'SDK 1.x': createClient1, 'SDK 2.x': createClient2 }
