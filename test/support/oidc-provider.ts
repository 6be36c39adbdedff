/** A real authorization server that shares no code with the package: oidc-provider. */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { vi } from 'vitest'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** Starts a server with this listener, and resolves to its origin. */
type Listen = (listener: Listener) => Promise<string>

interface ProviderOptions {
  readonly clients: readonly object[]
  readonly clientAuthMethods?: readonly string[]
  readonly scopes: readonly string[]
  /** The format of the access tokens for an API, as `getResourceServerInfo` returns it. */
  readonly tokensFor: (resource: string) => object
  /** Features besides client credentials and resource indicators. */
  readonly features?: object
  readonly algorithm?: 'RS256' | 'ES256'
  /** By default an HTTP server on loopback. */
  readonly listen?: Listen
}

export interface OidcProvider {
  readonly issuer: string
  readonly close: () => void
}

/** The members of a client that only uses the grant of client credentials. */
export const clientCredentialsOnly = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
} as const

export async function startOidcProvider(options: ProviderOptions): Promise<OidcProvider> {
  const { scopes, tokensFor, algorithm = 'RS256' } = options
  // oidc-provider warns about a development set-up and about an old Node version.
  vi.spyOn(console, 'warn').mockReturnValue()
  vi.spyOn(console, 'info').mockReturnValue()
  // @ts-expect-error: oidc-provider has no types
  const { default: Provider } = await import('oidc-provider')
  const server = createServer()
  const listen: Listen = async (listener) => {
    await once(server.on('request', listener).listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  let respond: Listener | undefined
  const issuer = await (options.listen ?? listen)((request, response) =>
    respond?.(request, response),
  )
  const { privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const provider = new Provider(issuer, {
    clients: options.clients,
    clientAuthMethods: options.clientAuthMethods ?? ['client_secret_post'],
    scopes,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig' }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          audience: resource,
          scope: scopes.join(' '),
          ...tokensFor(resource),
        }),
      },
      ...options.features,
    },
    ttl: { ClientCredentials: 600 },
  })
  respond = provider.callback()
  return {
    issuer,
    close() {
      server.close().closeAllConnections()
      vi.restoreAllMocks()
    },
  }
}

/** Gets an access token for an API by the grant of client credentials. */
export async function fetchClientToken(
  issuer: string,
  client: { readonly client_id: string; readonly client_secret: string },
  resource: string,
  scope: string,
): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', ...client, resource, scope }),
  })
  const { access_token } = (await response.json()) as { access_token: string }
  return access_token
}
