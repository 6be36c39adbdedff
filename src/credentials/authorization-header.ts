/**
 * @module Reads the Authorization header field. The headers may be those of Node, those of `fetch`, or a plain
 * object.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.1 | RFC 6750, section 2.1}
 */
import type { HttpRequest } from '../access-token.ts'
import { InvalidRequestError } from '../errors.ts'
import { getFieldValues, isRepeatedField } from '../internal/field-values.ts'
import { token68 } from '../internal/token68.ts'
import type { Credentials, PresentedToken } from './presented-token.ts'

// The scheme ends where no `tchar` (RFC 9110 §5.6.2) follows.
const schemes = {
  Bearer: /^bearer(?![!#$%&'*+\-.^_`|~0-9A-Za-z])/i,
  DPoP: /^dpop(?![!#$%&'*+\-.^_`|~0-9A-Za-z])/i,
} as const
const emptyText = /^$/

const repeatedHeader = 'The request has more than one Authorization header field'
const malformedHeader = 'The Authorization header field is not a scheme followed by one token'

/**
 * Reads the text after the scheme Bearer or, if `acceptsDpop` is set, DPoP; `undefined` without the field and
 * for another scheme. Does not validate the text: see {@link findToken68Error}.
 *
 * @throws InvalidRequestError for repeated fields, for a value that is not a string, and if no space and token
 * follow the scheme.
 */
export function readAuthorizationToken(
  request: HttpRequest,
  acceptsDpop: boolean,
): Credentials | undefined {
  const value = trimOuterSpace(readAuthorization(request))
  if (value === undefined) return undefined
  // RFC 6750 §3.1: another scheme, or no scheme, is a request that lacks authentication information.
  const scheme = hasScheme(value, 'Bearer')
    ? 'Bearer'
    : acceptsDpop && hasScheme(value, 'DPoP')
      ? 'DPoP'
      : undefined
  if (scheme === undefined) return undefined
  // RFC 9110 §11.4: one or more spaces, and nothing else, between scheme and token68.
  let start = scheme.length
  while (value.charCodeAt(start) === 0x20) start++
  if (start === scheme.length) throw new InvalidRequestError(malformedHeader)
  return { scheme, token: value.slice(start), location: 'header' }
}

/** Returns whether the request has an Authorization header field that is not empty. */
export function hasAuthorization(request: HttpRequest): boolean {
  return Boolean(trimOuterSpace(readAuthorization(request)))
}

/**
 * Returns an error if a token from the header is not a token68 (RFC 6750 §2.1). RFC 6750 does not restrict the
 * text in a form or a query (§2.2, §2.3). Not needed for a parsed JWT, which is always a token68.
 */
export function findToken68Error({
  token,
  location,
}: PresentedToken): InvalidRequestError | undefined {
  if (location !== 'header') return undefined
  if (!token68.test(token)) return new InvalidRequestError(malformedHeader)
  // The runtime keeps the text of the last match, which is the token, as RegExp.$_. This match replaces it.
  emptyText.test('')
  return undefined
}

/** Returns whether the value of an Authorization field has this scheme, well formed or not. */
function hasScheme(value: string, scheme: keyof typeof schemes): boolean {
  // Only the beginning, because the runtime would keep the whole value with the token as RegExp.$_.
  const start = value.slice(0, scheme.length + 1)
  return start === (scheme === 'Bearer' ? 'Bearer ' : 'DPoP ') || schemes[scheme].test(start)
}

// RFC 9110 §5.5: white space around a field's value is not part of it. Node removes it, others may not.
function trimOuterSpace(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const isSpace = (index: number) => value[index] === ' ' || value[index] === '\t'
  let start = 0
  let end = value.length
  while (isSpace(start)) start++
  // In a text of white space only, `end` becomes less than `start`: `slice` returns an empty text.
  while (isSpace(end - 1)) end--
  return value.slice(start, end)
}

/** Returns the value of the Authorization field, which must not occur more than once. */
function readAuthorization(request: HttpRequest): string | undefined {
  const { headers } = request
  // API Gateway sends null where a request has no headers.
  if (headers === undefined || headers === null) return undefined
  if (typeof headers !== 'object') throw new TypeError('headers of the request must be an object')
  if (isRepeatedField(request, 'authorization')) throw new InvalidRequestError(repeatedHeader)
  // Node writes names in lower case. A search among ten fields would cost each request 0.2 µs.
  if (request.rawHeaders === undefined || typeof headers.get === 'function') {
    return readSingleValue(getFieldValues(headers, 'authorization'))
  }
  const { authorization } = headers as Record<string, unknown>
  return Object.hasOwn(headers, 'authorization') ? readSingleValue(authorization) : undefined
}

function readSingleValue(value: unknown): string | undefined {
  if (Array.isArray(value) && value.length > 1) throw new InvalidRequestError(repeatedHeader)
  const only: unknown = Array.isArray(value) ? value.at(0) : value
  if (typeof only === 'string' || only === undefined) return only
  throw new InvalidRequestError(malformedHeader)
}
