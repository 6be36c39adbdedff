/**
 * @module Makes one introspection request: finds the endpoint, authenticates, sends the token and reads the
 * response. `introspector.ts` caches results and limits requests.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-2 | RFC 7662, section 2}
 */
import {
  FetchError,
  fetchDocument,
  parseJsonObject,
  repeatAfterReset,
} from '../internal/fetch-json.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { runWithTimeout } from '../internal/timeout.ts'
import type { ResolvedClientAuthentication } from '../options/introspection.ts'
import { createClientAuthentication, isChangedByEncoding } from './client-authentication.ts'
import type { IntrospectionEndpoint } from './endpoint.ts'
import { IntrospectionError, toIntrospectionError, toServerError } from './introspection-error.ts'
import { type IntrospectionResponse, readIntrospectionResponse } from './response.ts'

export interface IntrospectionClientOptions {
  readonly authentication: ResolvedClientAuthentication
  readonly endpoint: IntrospectionEndpoint
  /** Verifies a signed response. If set, no other response is accepted. */
  readonly verifySigned: ((text: string) => Promise<JsonObject>) | undefined
  /** Seconds for the whole introspection, with metadata and authentication. */
  readonly timeout: number
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
}

export interface IntrospectionClient {
  readonly isEndpointKnown: () => boolean
  /** @throws IntrospectionError */
  readonly findEndpoint: () => Promise<void>
  /** @throws IntrospectionError */
  readonly introspect: (token: string) => Promise<FetchedResponse>
}

export interface FetchedResponse {
  readonly response: IntrospectionResponse
  /** Octets of the body. */
  readonly size: number
}

const jsonType = 'application/json'
// RFC 9701 §4
const jwtType = 'application/token-introspection+jwt'

export function createIntrospectionClient(
  options: IntrospectionClientOptions,
): IntrospectionClient {
  const { authentication, endpoint, verifySigned, timeout, fetch, now } = options
  const authenticate = createClientAuthentication(authentication, now)
  const accept = verifySigned === undefined ? jsonType : jwtType

  async function send(token: string, signal: AbortSignal): Promise<FetchedResponse> {
    const url = await locate(signal)
    // Authenticates again on a retry, because an assertion may be used only once.
    const { headers, parameters } = await authenticate()
    const form = { token, token_type_hint: 'access_token', ...parameters }
    const request = {
      headers: { accept, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
      secrets: listSecrets(authentication, token, Object.values({ ...headers, ...parameters })),
    }
    try {
      const { body = new Uint8Array(), contentType } = await fetchDocument(url, request, {
        fetch,
        now,
        signal,
      })
      const response = await readBody(url, body, contentType)
      return { response, size: body.byteLength }
    } catch (error) {
      endpoint.expireMetadata()
      throw explainRefusal(error, authentication, endpoint)
    }
  }

  async function locate(signal: AbortSignal): Promise<string> {
    try {
      return await endpoint.locate(signal)
    } catch (error) {
      throw toServerError(error)
    }
  }

  async function readBody(url: string, body: Uint8Array, contentType: string | undefined) {
    requireType(url, contentType, accept)
    const json =
      verifySigned === undefined
        ? parseJsonObject(url, body)
        : await verifySigned(new TextDecoder().decode(body).trim())
    const response = readIntrospectionResponse(json)
    if (response !== undefined) return response
    throw new IntrospectionError(
      'not_introspection',
      'the response is not an introspection response: active is not a boolean',
      { dueTo: 'server_or_token' },
    )
  }

  async function withinTimeout<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await runWithTimeout(work, timeout * 1000, createTimeoutError)
    } catch (error) {
      throw toIntrospectionError(error)
    }
  }

  function createTimeoutError(cause: unknown): IntrospectionError {
    const message = `no introspection within ${timeout} s`
    return new IntrospectionError('timeout', message, { dueTo: 'server_or_token', cause })
  }

  return {
    isEndpointKnown: endpoint.isKnown,
    async findEndpoint() {
      await withinTimeout(locate)
    },
    introspect: (token) =>
      withinTimeout((signal) => repeatAfterReset(signal, () => send(token, signal))),
  }
}

/** Lists what no error may contain: the token, the client secret, and the credentials as they are sent. */
function listSecrets(
  authentication: ResolvedClientAuthentication,
  token: string,
  sent: readonly string[],
): readonly string[] {
  const secret = 'clientSecret' in authentication ? [authentication.clientSecret] : []
  return [token, ...secret, ...sent]
}

/** Refuses a response of another type: a login page, or an unsigned response where a signed one is required. */
function requireType(url: string, contentType: string | undefined, expected: string): void {
  const type = contentType?.split(';', 1)[0]?.trim()
  if (type?.toLowerCase() === expected) return
  const message = `the response is not ${expected}`
  if (expected === jsonType) throw new FetchError('not_json', url, message)
  const dueTo = 'server_or_token'
  throw new IntrospectionError('invalid_signed_response', message, { dueTo })
}

/**
 * Explains a response that probably refuses this API, not the token: status 401 (RFC 7662 §2.3) or, from some
 * servers, 403. Returns every other error unchanged.
 */
function explainRefusal(
  error: unknown,
  authentication: ResolvedClientAuthentication,
  endpoint: IntrospectionEndpoint,
): unknown {
  if (!(error instanceof FetchError)) return error
  const { status, errorCode } = error
  if (status !== 401 && status !== 403) return error
  const { method, clientId } = authentication
  const client = clientId === undefined ? 'this API' : `client ${JSON.stringify(clientId)}`
  const hint = hintForRefusal(authentication, endpoint)
  return new IntrospectionError(
    'credentials_refused',
    `the introspection endpoint refuses the credentials of ${client} (${method}): status ${status}`,
    {
      hint: errorCode === undefined ? hint : `error ${errorCode}: ${hint}`,
      // A firewall in front of the server may refuse a token with 403.
      dueTo: status === 401 ? 'server' : 'server_or_token',
      cause: error,
    },
  )
}

function hintForRefusal(
  authentication: ResolvedClientAuthentication,
  endpoint: IntrospectionEndpoint,
): string {
  if (endpoint.isMethodListed() === false) {
    return `the metadata of the issuer does not list the method ${authentication.method}`
  }
  if (isChangedByEncoding(authentication)) {
    return "clientId or clientSecret has special characters: a server that does not decode them needs encoding: 'raw'"
  }
  return 'check clientId, the secret or key, and whether this client may introspect tokens'
}
