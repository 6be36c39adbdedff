/**
 * @module Selects the issuer that is asked about an opaque token, by the prefix of the token. A token
 * must not be sent to an issuer that did not issue it, because it is a secret.
 */
import type { ResolvedIntrospection } from '../options/introspection.ts'

interface Candidate {
  readonly introspection: ResolvedIntrospection | undefined
}

/**
 * Finds the issuer of an opaque token: the one with the longest prefix that the token begins with, else
 * the one with introspection and without a prefix.
 */
export function findIssuerOfOpaqueToken<T extends Candidate>(
  token: string,
  issuers: Iterable<T>,
): T | undefined {
  let found: T | undefined
  let foundLength = -1
  for (const issuer of issuers) {
    if (issuer.introspection === undefined) continue
    const { tokenPrefix = '' } = issuer.introspection
    if (tokenPrefix.length <= foundLength || !token.startsWith(tokenPrefix)) continue
    found = issuer
    foundLength = tokenPrefix.length
  }
  return found
}
