import type { HttpRequest, TokenLocation } from 'oauth-resource-server'
import { findToken68Error } from '../../src/credentials/authorization-header.ts'
import { readCredentials } from '../../src/credentials/credentials.ts'

export const everywhere: readonly TokenLocation[] = ['header', 'body', 'query']
export const formType = 'application/x-www-form-urlencoded'

/** Reads the credentials of a request, and validates the text in the header, as the validator does. */
export function presentedBy(
  request: HttpRequest,
  tokenLocations: readonly TokenLocation[] = ['header'],
  dpop?: object,
) {
  const credentials = readCredentials(request, { tokenLocations, dpop })
  const error = credentials && findToken68Error(credentials)
  if (error !== undefined) throw error
  return credentials
}
