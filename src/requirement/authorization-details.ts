/**
 * @module Reads the claim `authorization_details`. The function of a requirement gets only details from a
 * well-formed claim and, if an identifier of this API is a URL, only those that are for this API.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9396 | RFC 9396}
 */

import type { AuthorizationDetail, JwtClaims } from '../access-token.ts'
import { freezeDeep } from '../internal/deep-freeze.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import { parseUrl } from '../internal/parse-url.ts'

/** The details that a token grants at this API, deeply frozen; if there are none, the reason. */
export interface GrantedDetails {
  readonly details: readonly AuthorizationDetail[]
  /** For the operator. */
  readonly problem: string | undefined
}

const withoutDetails = (problem: string): GrantedDetails => ({ details: [], problem })
const missing = withoutDetails('the token has no authorization_details')
const malformed = withoutDetails('the claim authorization_details is malformed')
const elsewhere = withoutDetails('locations of authorization_details do not name this API')

/**
 * Creates a function that reads the claim. It caches the result by the claim's array, so it reads a cached
 * token once.
 *
 * @param identifiers The identifiers of this API: audiences and resource identifier. Those that are
 * URLs are compared with the member `locations`; if no identifier is a URL, the
 * application has to compare `locations` itself.
 */
export function createDetailsReader(
  identifiers: readonly string[],
): (claims: Readonly<JwtClaims>) => GrantedDetails {
  const urls = identifiers.filter((identifier) => parseUrl(identifier) !== undefined)
  const grantedByClaim = new WeakMap<object, GrantedDetails>()
  return (claims) => {
    const claim = getOwn(claims, 'authorization_details')
    if (claim === undefined) return missing
    if (!Array.isArray(claim)) return malformed
    const cached = grantedByClaim.get(claim)
    if (cached !== undefined) return cached
    const granted = readDetails(freezeDeep(claim), urls)
    grantedByClaim.set(claim, granted)
    return granted
  }
}

function readDetails(claim: readonly unknown[], urls: readonly string[]): GrantedDetails {
  // RFC 9396 §2: an array of objects. One malformed detail makes the whole claim malformed.
  if (!claim.every(isDetail)) return malformed
  // Without this, `details.every(…)` would pass for a token that grants nothing.
  if (claim.length === 0) return missing
  if (urls.length === 0) return { details: claim, problem: undefined }
  const here = claim.filter((detail) => isForThisApi(detail, urls))
  return here.length === 0 ? elsewhere : { details: Object.freeze(here), problem: undefined }
}

// RFC 9396 §2.2: arrays of strings.
const listMembers = ['locations', 'actions', 'datatypes', 'privileges']

function isDetail(value: unknown): value is AuthorizationDetail {
  if (!isJsonObject(value)) return false
  const type = getOwn(value, 'type')
  const identifier = getOwn(value, 'identifier')
  return (
    typeof type === 'string' &&
    type !== '' &&
    (identifier === undefined || typeof identifier === 'string') &&
    listMembers.every((name) => isOptionalList(getOwn(value, name)))
  )
}

function isOptionalList(value: unknown): boolean {
  if (value === undefined) return true
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

// RFC 9396 §2.2: `locations` are the resource servers where the detail can be used.
function isForThisApi(detail: AuthorizationDetail, urls: readonly string[]): boolean {
  const locations = getOwn(detail, 'locations') as readonly string[] | undefined
  if (locations === undefined) return true
  return locations.some((location) => urls.some((url) => isWithin(location, url)))
}

/** Returns whether a location is the API's URL or a path below it. */
function isWithin(location: string, api: string): boolean {
  if (location === api) return true
  const url = parseUrl(location)
  if (url === undefined) return false
  const { origin, pathname } = url
  const base = new URL(api)
  // `origin` is 'null' for schemes such as `urn:`, so two such URLs would compare as equal.
  if (origin === 'null' || origin !== base.origin || base.search !== '') return false
  const path = base.pathname.replace(/\/$/, '')
  return pathname === path || pathname.startsWith(`${path}/`)
}
