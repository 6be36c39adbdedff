/**
 * @module What a request offers: the one access token, or none, or a request that is not well
 * formed. Knows HTTP syntax and nothing of tokens.
 */
import type { HttpRequest } from '../access-token.ts'
import { InvalidRequestError } from '../errors.ts'

/** Where a token may stand. `header` is always looked at: RFC 6750 §2.1 makes it a MUST. */
export type TokenLocation = 'header' | 'body' | 'query'

/** A token, and where it stood in the request; nowhere, if the caller holds it already. */
export interface Offer {
  readonly token: string
  readonly location?: TokenLocation
}

export interface Credentials extends Offer {
  readonly scheme: 'Bearer'
  readonly location: TokenLocation
}

// RFC 9110 §11.2: token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/
// RFC 9110 §5.6.2: the characters of a token, which an auth-scheme is.
const bearerScheme = /^bearer(?![!#$%&'*+\-.^_`|~0-9A-Za-z])/i
const nothing = /^$/

const severalFields = 'The request has more than one Authorization header field'
const malformedHeader = 'The Authorization header field is not Bearer followed by one token'
const severalMethods = 'The request offers an access token in more than one way'
const otherScheme = 'the Authorization header field has another scheme than Bearer'
const tokenInQuery = 'access_token stands in the query, which tokenLocations does not list'
const repeatedParameter = 'The parameter access_token occurs more than once'
const malformedParameter = 'The parameter access_token is not a string'

/**
 * Finds the access token of a request. Returns `undefined` where there is none: also for other
 * authentication schemes (RFC 6750 §3.1) and for locations that are switched off, which are not
 * looked at.
 *
 * @throws InvalidRequestError for repeated fields or parameters, several locations at once, and
 * where nothing follows the scheme. Whether what follows is one token, {@link doubtForm} tells.
 */
export function readCredentials(
  request: HttpRequest,
  locations: readonly TokenLocation[],
): Credentials | undefined {
  let found = fromHeader(request)
  for (const location of locations) {
    if (location === 'header') continue
    const token = location === 'body' ? fromBody(request) : fromQuery(request)
    if (token === undefined) continue
    // RFC 6750 §2: clients MUST NOT use more than one method.
    if (found !== undefined) throw new InvalidRequestError(severalMethods)
    found = { scheme: 'Bearer', token, location }
  }
  return found
}

/**
 * Tells whether what follows the scheme is no token: anything else than a token68 in the header
 * (RFC 6750 §2.1). In the other places any text may stand (RFC 6750 §2.2 and §2.3). A step of its own,
 * for it need not be asked where a token could be taken apart.
 */
export function doubtForm({ token, location }: Offer): InvalidRequestError | undefined {
  if (location !== 'header') return undefined
  if (!token68.test(token)) return new InvalidRequestError(malformedHeader)
  // The runtime keeps the text of the last match, as RegExp.$_: not this one.
  nothing.test('')
  return undefined
}

/** What a request without a token of ours offers instead, for the operator: in fixed sentences. */
export function hintOfMissing(request: HttpRequest): string | undefined {
  if (withoutOuterSpace(authorization(request))) return otherScheme
  const inQuery = (start: string) => request.url?.includes(`${start}access_token=`)
  if (inQuery('?') || inQuery('&')) return tokenInQuery
  return undefined
}

/** Tells whether the value of an Authorization field is of the scheme Bearer, well formed or not. */
function isBearer(value: string): boolean {
  // Of a part without the token, which the runtime would keep as RegExp.$_.
  const start = value.slice(0, 'bearer '.length)
  return start === 'Bearer ' || bearerScheme.test(start)
}

function fromHeader(request: HttpRequest): Credentials | undefined {
  const value = withoutOuterSpace(authorization(request))
  // RFC 6750 §3.1: another scheme, or no scheme, is a request that lacks authentication information.
  if (value === undefined || !isBearer(value)) return undefined
  // RFC 9110 §11.4: one or more spaces, and nothing else, between scheme and token68.
  let start = 'bearer'.length
  while (value.charCodeAt(start) === 0x20) start++
  if (start === 'bearer'.length) throw new InvalidRequestError(malformedHeader)
  return { scheme: 'Bearer', token: value.slice(start), location: 'header' }
}

// RFC 9110 §5.5: white space around a field's value is no part of it. Node takes it away, others may not.
function withoutOuterSpace(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const isSpace = (index: number) => value[index] === ' ' || value[index] === '\t'
  let start = 0
  let end = value.length
  while (start < end && isSpace(start)) start++
  while (end > start && isSpace(end - 1)) end--
  return value.slice(start, end)
}

/** The one value of the Authorization field, whichever way the request shows its headers. */
function authorization(request: HttpRequest): string | undefined {
  const { headers, rawHeaders } = request
  if (typeof headers !== 'object' || headers === null) {
    throw new TypeError('authenticate takes a request with headers')
  }
  if (typeof headers.get === 'function') {
    return (headers as Headers).get('authorization') ?? undefined
  }
  // Node shows the first of several Authorization lines in `headers` and drops the others.
  if (rawHeaders !== undefined) {
    let fields = 0
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index] as string
      if (name.length === 13 && name.toLowerCase() === 'authorization') fields++
    }
    if (fields > 1) throw new InvalidRequestError(severalFields)
    return single((headers as Record<string, string | string[] | undefined>).authorization)
  }
  const distinct = request.headersDistinct?.authorization
  if (distinct !== undefined && distinct.length > 1) throw new InvalidRequestError(severalFields)
  const values = Object.entries(headers)
    .filter(([name]) => name.length === 13 && name.toLowerCase() === 'authorization')
    .flatMap(([, value]) => value)
  return single(values.filter((value) => value !== undefined))
}

function single(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value === 'string' || value === undefined) return value
  if (Array.isArray(value) && value.length > 1) throw new InvalidRequestError(severalFields)
  const only: unknown = Array.isArray(value) ? value[0] : value
  if (typeof only === 'string' || only === undefined) return only
  throw new InvalidRequestError(malformedHeader)
}

// RFC 6750 §2.2: only where the body has a defined meaning, so never for GET.
const methodsWithBody = ['POST', 'PUT', 'PATCH']
const formType = 'application/x-www-form-urlencoded'

function fromBody(request: HttpRequest): string | undefined {
  const { body } = request
  if (!methodsWithBody.includes(request.method ?? '')) return undefined
  if (typeof body !== 'object' || body === null) return undefined
  const mediaType = contentType(request)?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== formType) return undefined
  if (body instanceof URLSearchParams) return oneParameter(body.getAll('access_token'))
  if (!Object.hasOwn(body, 'access_token')) return undefined
  const value = (body as Record<string, unknown>).access_token
  if (Array.isArray(value)) throw new InvalidRequestError(repeatedParameter)
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') throw new InvalidRequestError(malformedParameter)
  return value
}

function contentType({ headers }: HttpRequest): string | undefined {
  if (typeof headers.get === 'function') {
    return (headers as Headers).get('content-type') ?? undefined
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === 'content-type' && typeof value === 'string') return value
  }
  return undefined
}

function fromQuery({ url = '' }: HttpRequest): string | undefined {
  const [target = ''] = url.split('#', 1)
  const query = target.indexOf('?')
  if (query === -1) return undefined
  const parameters = new URLSearchParams(target.slice(query))
  return oneParameter(parameters.getAll('access_token'))
}

function oneParameter(values: readonly string[]): string | undefined {
  // RFC 6750 §3.1: a repeated parameter is a malformed request.
  if (values.length > 1) throw new InvalidRequestError(repeatedParameter)
  return values[0] === '' ? undefined : values[0]
}
