/**
 * @module Reads an introspection response: whether the token is active, and whether it is a token of this issuer.
 * The pipeline validates kind, time, audience and scope as it does for a JWT.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-2.2 | RFC 7662, section 2.2}
 */
import { InvalidTokenError } from '../errors.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'

/** Whether a token is active and, if it is, the members of the response. */
export type IntrospectionResponse =
  | { readonly active: false }
  | { readonly active: true; readonly claims: JsonObject }

/**
 * Reads whether a token is active. Members that are null count as absent, except `cnf`: some servers
 * send null for everything that a token does not have.
 *
 * @returns `undefined` if `active` is not a boolean: the object is no introspection response.
 */
export function readIntrospectionResponse(json: JsonObject): IntrospectionResponse | undefined {
  const active = getOwn(json, 'active')
  // RFC 7662 §2.2: a boolean. "true" and 1 are not.
  if (active === false) return { active }
  if (active !== true) return undefined
  const members = Object.entries(json).filter(([name, value]) => value !== null || name === 'cnf')
  return { active, claims: Object.fromEntries(members) }
}

const stringMembers = ['iss', 'sub', 'client_id', 'jti', 'token_type']

/**
 * Validates what is specific to introspection: the types of members, the issuer, and that a token of type DPoP is
 * bound to a key.
 *
 * @throws InvalidTokenError
 */
export function validateIntrospectedClaims(claims: JsonObject, issuer: string): void {
  for (const name of stringMembers) {
    const value = getOwn(claims, name)
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidTokenError('invalid_claim', {
        name,
        expected: 'a string that is not empty',
        actual: printable(value),
      })
    }
  }
  const iss = getOwn(claims, 'iss')
  if (iss !== undefined && iss !== issuer) {
    throw new InvalidTokenError('wrong_issuer', {
      name: 'iss',
      expected: printable(issuer),
      actual: printable(iss),
      hint: 'the introspection endpoint answers for a token of another issuer',
    })
  }
  validateTokenType(claims)
}

// RFC 9449 §6.2: a token of type DPoP is bound to a key.
function validateTokenType(claims: JsonObject): void {
  const type = getOwn(claims, 'token_type')
  if (typeof type !== 'string' || type.toLowerCase() !== 'dpop') return
  const cnf = getOwn(claims, 'cnf')
  if (typeof cnf === 'object' && cnf !== null && Object.hasOwn(cnf, 'jkt')) return
  throw new InvalidTokenError('missing_claim', {
    name: 'cnf.jkt',
    hint: 'the token is of type DPoP, but the response does not say to which key it is bound',
  })
}
