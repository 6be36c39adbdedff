/**
 * @module The authorization endpoint, with one fixed user who agrees to everything. Tests need no browser,
 * because the first response is the redirect to the client.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.1 | RFC 6749, section 4.1}
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseUrl } from '../internal/parse-url.ts'
import type { AuthorizationCodes } from './authorization-codes.ts'
import { createGrant } from './grant.ts'
import type { TestClient } from './options.ts'
import type { Endpoint } from './request-listener.ts'
import { sendJson } from './respond.ts'
import { type Form, invalidRequest, parseForm, type TokenError } from './token-request.ts'

export interface AuthorizationEndpointOptions {
  readonly issuer: string
  readonly clients: readonly TestClient[]
  readonly codes: AuthorizationCodes
  /** The API of requests that name none. */
  readonly audience: string
}

/** The `sub` of tokens for the user. */
const user = 'test-user'

export function createAuthorizationEndpoint(options: AuthorizationEndpointOptions): Endpoint {
  const { issuer, clients, codes, audience } = options

  function respond(request: IncomingMessage, response: ServerResponse): void {
    // RFC 3986 §3.4: a query may contain further question marks.
    const query = String(request.url).replace(/^[^?]*/, '')
    const form = parseForm(new URLSearchParams(query))
    const location = 'error' in form ? form : findRedirect(form)
    if (typeof location === 'string') {
      const headers = { Location: location, 'Cache-Control': 'no-store', 'Content-Length': 0 }
      response.writeHead(302, headers).end()
    } else {
      const { error, description: error_description } = location
      sendJson(response, 400, { error, error_description })
    }
  }

  function findRedirect(form: Form): string | TokenError {
    // RFC 6749 §4.1.2.1: no redirect without a known client and a valid redirect URI.
    const client = clients.find(({ id }) => id === form.get('client_id'))
    if (client === undefined) return invalidRequest('The client is unknown')
    const redirectUri = form.get('redirect_uri') ?? ''
    const location = parseUrl(redirectUri)
    if (location === undefined || redirectUri.includes('#')) {
      return invalidRequest('The parameter redirect_uri is no absolute URI without a fragment')
    }
    // RFC 9207 §2: the response names the issuer.
    const outcome = {
      ...authorize(form, client, redirectUri),
      state: form.get('state'),
      iss: issuer,
    }
    for (const [name, value] of Object.entries(outcome)) {
      if (value !== undefined) location.searchParams.set(name, value)
    }
    return location.href
  }

  function authorize(form: Form, client: TestClient, redirectUri: string): Record<string, string> {
    const codeChallenge = form.get('code_challenge') ?? ''
    if (form.get('response_type') !== 'code') return { error: 'unsupported_response_type' }
    // RFC 7636 §4.2: the challenge is the base64url of a SHA-256.
    if (form.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(codeChallenge)) {
      const error_description = 'PKCE with the method S256 is required'
      return { error: 'invalid_request', error_description }
    }
    const grant = createGrant(form, client, user, audience)
    return 'error' in grant
      ? { error: grant.error, error_description: grant.description }
      : { code: codes.issue({ grant, redirectUri, codeChallenge }) }
  }

  return { counter: 'authorization', methods: ['GET'], respond }
}
