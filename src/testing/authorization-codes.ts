/**
 * @module Creates and redeems authorization codes with PKCE. Each code is for one client and one redirect
 * URI, and can be used once.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7636#section-4.6 | RFC 7636, section 4.6}
 */
import { createHash, randomBytes } from 'node:crypto'
import type { TestClock } from './clock.ts'
import type { Grant } from './grant.ts'
import type { TestClient } from './options.ts'
import type { Form, TokenError } from './token-request.ts'

/** What a code is exchanged for, and under which conditions. */
interface Authorization {
  readonly grant: Grant
  readonly redirectUri: string
  /** SHA-256 of the code verifier, in base64url. */
  readonly codeChallenge: string
}

export interface AuthorizationCodes {
  /** Creates a code. */
  issue(authorization: Authorization): string
  /** Exchanges the code in a form for its grant. A failed attempt uses up the code too. */
  redeem(form: Form, client: TestClient): Grant | TokenError
}

// RFC 6749 §4.1.2: at most ten minutes.
const lifetimeMs = 60_000
const maxCodes = 1_000

export function createAuthorizationCodes(clock: TestClock): AuthorizationCodes {
  const codes = new Map<string, Authorization & { readonly expiresAt: number }>()
  return {
    issue(authorization) {
      const [oldest] = codes.keys()
      if (codes.size >= maxCodes && oldest !== undefined) codes.delete(oldest)
      const code = randomBytes(16).toString('base64url')
      codes.set(code, { ...authorization, expiresAt: clock.now() + lifetimeMs })
      return code
    },
    redeem(form, client) {
      const code = form.get('code') ?? ''
      const found = codes.get(code)
      codes.delete(code)
      if (found === undefined || found.grant.client !== client || clock.now() > found.expiresAt) {
        return invalidGrant('The code is unknown, expired, used or of another client')
      }
      if (form.get('redirect_uri') !== found.redirectUri) {
        return invalidGrant('The parameter redirect_uri differs from the authorization request')
      }
      const verifier = form.get('code_verifier')
      if (verifier === undefined || hash(verifier) !== found.codeChallenge) {
        return invalidGrant('The parameter code_verifier does not match the code challenge')
      }
      const resource = form.get('resource') ?? found.grant.audience
      if (resource !== found.grant.audience) {
        return { error: 'invalid_target', description: 'The code is for another API' }
      }
      return found.grant
    },
  }
}

function hash(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

function invalidGrant(description: string): TokenError {
  return { error: 'invalid_grant', description }
}
