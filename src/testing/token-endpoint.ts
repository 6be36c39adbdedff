/**
 * @module The token endpoint with its grants, client credentials and authorization code: authenticates
 * the client and responds with a token, which is bound to the key of a DPoP proof if there is one.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-3.2 | RFC 6749, section 3.2}
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { AuthorizationCodes } from './authorization-codes.ts'
import { readDpopProof } from './dpop-proof.ts'
import { createGrant, type Grant } from './grant.ts'
import type { TestClient } from './options.ts'
import type { Endpoint } from './request-listener.ts'
import { sendJson } from './respond.ts'
import {
  authenticateClient,
  invalidRequest,
  readForm,
  sendTokenError,
  type TokenError,
} from './token-request.ts'
import type { TokenFactory } from './tokens.ts'

// RFC 6749 §5.1: both headers are required in a response that contains a token.
const noStore: OutgoingHttpHeaders = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }

export interface TokenEndpointOptions {
  /** The URL of this endpoint. */
  readonly url: string
  readonly clients: readonly TestClient[]
  readonly tokenFactory: TokenFactory
  readonly codes: AuthorizationCodes
}

export function createTokenEndpoint({
  url,
  clients,
  tokenFactory,
  codes,
}: TokenEndpointOptions): Endpoint {
  async function grant(request: IncomingMessage): Promise<Grant | TokenError> {
    const form = await readForm(request)
    if ('error' in form) return form
    if (!form.has('grant_type')) return invalidRequest('The parameter grant_type is missing')
    const authenticated = authenticateClient(request.headers.authorization, form, clients)
    if ('error' in authenticated) return authenticated
    const { client } = authenticated
    switch (form.get('grant_type')) {
      case 'client_credentials':
        return createGrant(form, client, client.id, tokenFactory.audience)
      case 'authorization_code':
        return codes.redeem(form, client)
      default:
        return {
          error: 'unsupported_grant_type',
          description: 'Only client_credentials and authorization_code are supported',
        }
    }
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const jkt = await readDpopProof(request, url)
    if (typeof jkt === 'object') return sendTokenError(response, jkt, noStore)
    const granted = await grant(request)
    if ('error' in granted) return sendTokenError(response, granted, noStore)
    const { client, subject: sub, audience: aud, scopes } = granted
    const scope = scopes.length === 0 ? undefined : scopes.join(' ')
    // RFC 9449 §6.1
    const cnf = jkt === undefined ? undefined : { jkt }
    const claims = { sub, client_id: client.id, aud, scope, cnf }
    const token_type = cnf === undefined ? 'Bearer' : 'DPoP'
    const access_token = await tokenFactory.token(claims)
    const expires_in = tokenFactory.expiresIn
    sendJson(response, 200, { access_token, token_type, expires_in, scope }, noStore)
  }

  return { counter: 'token', methods: ['POST'], respond }
}
