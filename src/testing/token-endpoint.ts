/**
 * @module The token endpoint with the client credentials grant: decides what a well-formed request is
 * granted, and responds.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4 | RFC 6749, section 4.4}
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { TestClient } from './options.ts'
import type { Endpoint } from './request-listener.ts'
import { answerJson } from './respond.ts'
import {
  type Form,
  invalidRequest,
  readCredentials,
  readForm,
  type TokenError,
} from './token-request.ts'
import type { Minter } from './tokens.ts'

interface Grant {
  readonly client: TestClient
  readonly audience: string
  readonly scopes: readonly string[]
}

// RFC 6749 §5.1: both headers are required in a response that contains a token.
const noStore: OutgoingHttpHeaders = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }
const challenge: OutgoingHttpHeaders = { 'WWW-Authenticate': 'Basic realm="test-issuer"' }

export function createTokenEndpoint(clients: readonly TestClient[], minter: Minter): Endpoint {
  async function grant(request: IncomingMessage): Promise<Grant | TokenError> {
    const form = await readForm(request)
    if ('error' in form) return form
    if (!form.has('grant_type')) return invalidRequest('The parameter grant_type is missing')
    const credentials = readCredentials(request.headers.authorization, form)
    if (credentials && 'error' in credentials) return credentials
    const client = clients.find(
      ({ id, secret }) => id === credentials?.id && secret === credentials.secret,
    )
    if (client === undefined) {
      return {
        error: 'invalid_client',
        description: 'The client is unknown or its secret is wrong',
      }
    }
    if (form.get('grant_type') !== 'client_credentials') {
      return {
        error: 'unsupported_grant_type',
        description: 'Only client_credentials is supported',
      }
    }
    const audience = grantAudience(form, client, minter.audience)
    if (typeof audience !== 'string') return audience
    const scopes = grantScopes(form, client)
    return 'error' in scopes ? scopes : { client, audience, scopes }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const granted = await grant(request)
    if ('error' in granted) return answerError(response, granted)
    const { client, audience: aud, scopes } = granted
    const scope = scopes.length === 0 ? undefined : scopes.join(' ')
    const claims = { sub: client.id, client_id: client.id, aud, scope }
    const access_token = await minter.token(claims)
    const expires_in = minter.expiresIn
    answerJson(response, 200, { access_token, token_type: 'Bearer', expires_in, scope }, noStore)
  }

  return { counter: 'token', methods: ['POST'], answer }
}

function grantAudience(form: Form, client: TestClient, ownAudience: string): string | TokenError {
  const audience = form.get('audience')
  const resource = form.get('resource')
  if (audience !== undefined && resource !== undefined && audience !== resource) {
    return invalidTarget('The parameters audience and resource name two APIs')
  }
  // RFC 8707 §2: an absolute URI without a fragment.
  if (resource !== undefined && (!URL.canParse(resource) || resource.includes('#'))) {
    return invalidTarget('The parameter resource must be an absolute URI without a fragment')
  }
  const chosen = resource ?? audience ?? ownAudience
  if (client.audiences && !client.audiences.includes(chosen)) {
    return invalidTarget('The client may not request tokens for this API')
  }
  return chosen
}

function grantScopes(form: Form, client: TestClient): readonly string[] | TokenError {
  const requested = form.get('scope')
  if (requested === undefined) return client.scopes ?? []
  // RFC 6749 §3.3: scope = scope-token *( SP scope-token ), scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
  if (!/^[!#-[\]-~]+( [!#-[\]-~]+)*$/.test(requested)) {
    return { error: 'invalid_scope', description: 'The parameter scope is malformed' }
  }
  const scopes = [...new Set(requested.split(' '))]
  if (client.scopes && !scopes.every((scope) => client.scopes?.includes(scope))) {
    return { error: 'invalid_scope', description: 'The client may not request one of these scopes' }
  }
  return scopes
}

function invalidTarget(description: string): TokenError {
  return { error: 'invalid_target', description }
}

function answerError(response: ServerResponse, refusal: TokenError): void {
  const { error, description: error_description } = refusal
  const unauthorized = error === 'invalid_client'
  const { status = unauthorized ? 401 : 400 } = refusal
  const headers = unauthorized ? { ...noStore, ...challenge } : noStore
  answerJson(response, status, { error, error_description }, headers)
}
