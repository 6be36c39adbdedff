/** @module Decides what a client is granted: for which API, and with which scopes. */
import { parseUrl } from '../internal/parse-url.ts'
import type { TestClient } from './options.ts'
import type { Form, TokenError } from './token-request.ts'

export interface Grant {
  readonly client: TestClient
  /** The `sub` of the token. */
  readonly subject: string
  readonly audience: string
  readonly scopes: readonly string[]
}

/** Decides what a request for `subject` is granted. */
export function createGrant(
  form: Form,
  client: TestClient,
  subject: string,
  ownAudience: string,
): Grant | TokenError {
  const audience = grantAudience(form, client, ownAudience)
  if (typeof audience !== 'string') return audience
  const scopes = grantScopes(form, client)
  return 'error' in scopes ? scopes : { client, subject, audience, scopes }
}

function grantAudience(form: Form, client: TestClient, ownAudience: string): string | TokenError {
  const audience = form.get('audience')
  const resource = form.get('resource')
  if (audience !== undefined && resource !== undefined && audience !== resource) {
    return invalidTarget('The parameters audience and resource name two APIs')
  }
  // RFC 8707 §2: an absolute URI without a fragment.
  if (resource !== undefined && (!parseUrl(resource) || resource.includes('#'))) {
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
  const { scopes: allowed } = client
  if (requested === undefined) return allowed ?? []
  // RFC 6749 §3.3: scope = scope-token *( SP scope-token ), scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
  if (!/^[!#-[\]-~]+( [!#-[\]-~]+)*$/.test(requested)) {
    return { error: 'invalid_scope', description: 'The parameter scope is malformed' }
  }
  const scopes = [...new Set(requested.split(' '))]
  if (allowed && !scopes.every((scope) => allowed.includes(scope))) {
    return { error: 'invalid_scope', description: 'The client may not request one of these scopes' }
  }
  return scopes
}

function invalidTarget(description: string): TokenError {
  return { error: 'invalid_target', description }
}
