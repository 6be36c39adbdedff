/**
 * @module The option `resource.metadata`. Checks those members of RFC 9728 that neither have an option of their
 * own nor follow from other options; `metadata-document.ts` checks the rest of that RFC. Members that
 * RFC 9728 does not define are published without a check, as JSON.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-2 | RFC 9728, section 2}
 */
import { decodeBase64url } from '../internal/base64url.ts'
import { decodeJsonObject } from '../internal/compact-serialization.ts'
import { isJsonObject, type JsonObject } from '../internal/json-object.ts'
import { findPublishedUrlProblem } from '../internal/secure-url.ts'

/**
 * Checks and copies the option `resource.metadata`.
 *
 * @throws TypeError that names the member.
 */
export function readAdditionalMembers(metadata: unknown): JsonObject {
  if (metadata === undefined) return {}
  if (!isJsonObject(metadata)) {
    throw new TypeError('resource.metadata must be an object')
  }
  const members = copyJson(metadata)
  for (const [name, value] of Object.entries(members)) {
    const problem = Object.hasOwn(checks, name) ? checks[name]?.(value) : undefined
    if (problem !== undefined) throw new TypeError(`resource.metadata.${name} ${problem}`)
  }
  return members
}

function copyJson(metadata: object): JsonObject {
  try {
    return JSON.parse(JSON.stringify(metadata))
  } catch (cause) {
    throw new TypeError('resource.metadata must be JSON', { cause })
  }
}

/** The checks of members, by name. Each returns what is wrong with the value; `undefined` if nothing is. */
const checks: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  jwks_uri: (value) =>
    findPublishedUrlProblem(value, { allowInsecureHttp: false }) && 'must be an https URL',
  resource_signing_alg_values_supported: findAlgorithmProblem,
  authorization_details_types_supported: findListProblem,
  signed_metadata: findSignedMetadataProblem,
}

function findListProblem(value: unknown): string | undefined {
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string' && item)
  return isList ? undefined : 'must be a list of strings that are not empty'
}

// RFC 9728 §2: the value "none" MUST NOT be used.
function findAlgorithmProblem(value: unknown): string | undefined {
  return (
    findListProblem(value) ??
    ((value as string[]).includes('none') ? 'must not contain none' : undefined)
  )
}

// RFC 9728 §2.2: a signed JWT with the claim iss and without the claim signed_metadata.
function findSignedMetadataProblem(value: unknown): string | undefined {
  const parts = typeof value === 'string' ? value.split('.') : []
  if (parts.length !== 3 || parts.some((part) => !part || !decodeBase64url(part))) {
    return 'must be a signed JWT'
  }
  const claims = decodeJsonObject(parts[1] as string)
  if (typeof claims === 'string') return 'must be a signed JWT with an object of claims'
  if (typeof claims.iss !== 'string') return 'must have the claim iss'
  return Object.hasOwn(claims, 'signed_metadata') ? 'must not contain signed_metadata' : undefined
}
