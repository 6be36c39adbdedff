/**
 * @module Web-standard servers, which take a `Request` and return a `Response`: Hono, Bun, Deno,
 * Next.js route handlers. Imports nothing of Node's servers.
 */
import type { AccessToken, JwtClaims, Requirement } from '../access-token.ts'
import { AccessTokenError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { readOwnOptions } from '../options/checks.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { createMetadataResponse } from '../response/metadata-response.ts'
import { pipelineOf, type Validator } from '../validator.ts'
import { ensureHeaders, serializeBody } from './error-response.ts'
import { authenticateRequest, createMiddlewareContext, toValidator } from './middleware.ts'
import { readMetadataEntry, type ValidatorWithMetadata } from './serve-metadata.ts'

/** The options of `authenticate`. */
export interface FetchAuthenticateOptions {
  /** The requirement for every request that this function authenticates. */
  readonly requirement?: Requirement | undefined
}

/**
 * Resolves to the verified token, or to the response that must be returned to the client. Check
 * `instanceof Response` first: both are objects, so a check for truthiness would accept refused
 * requests.
 */
export type FetchAuthenticator<C extends object> = (
  request: Request,
) => Promise<AccessToken<C> | Response>

// There is no response yet. The functions that set headers ignore an object without `setHeader`.
const noResponse: object = Object.freeze({})

/**
 * Creates a function that verifies the access token of a request.
 *
 * Does not read the body, so the option `tokenLocations` must not contain `body`. A `Request` does not give
 * access to its TLS connection, so `mtls` needs the certificate from a header or a function. Sets headers
 * only on refusals: a new DPoP nonce is sent only with a refusal, and a response to a token in the query
 * gets no `Cache-Control: private`. The promise rejects with an error that is not a refusal, for example if a
 * function of the application throws.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object = JwtClaims>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: FetchAuthenticateOptions = {},
): FetchAuthenticator<C> {
  const own = readOwnOptions<FetchAuthenticateOptions>(options, ['requirement'], 'authenticate')
  const validator = toValidator(validatorOrOptions)
  refuseBodyLocation(validator)
  const context = createMiddlewareContext(validator, own)
  return async function authenticate(request) {
    try {
      // The record on the request lets a second call accept the same DPoP proof.
      const token = await authenticateRequest(context, request, noResponse, request, {})
      return token as unknown as AccessToken<C>
    } catch (thrown) {
      const error = toError(thrown)
      if (!(error instanceof AccessTokenError)) throw error
      return createErrorResponse(error)
    }
  }
}

/**
 * Creates a function that responds to requests for the metadata document of the API, without a token.
 * Call it before `authenticate`. It returns `undefined` for every other URL.
 *
 * @throws TypeError for a validator without the option `resource`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3 | RFC 9728, section 3}
 */
export function resourceMetadata(
  validator: ValidatorWithMetadata,
): (request: Request) => Response | undefined {
  const entry = readMetadataEntry(validator)
  return function resourceMetadata({ method, url }) {
    const found = createMetadataResponse(entry, method, url)
    return found && createResponse(found.status, new Headers(found.headers), found.body)
  }
}

/** @throws TypeError where the validator would look for tokens in a body that is never read. */
function refuseBodyLocation(validator: Validator<object>): void {
  if (!pipelineOf(validator)?.options.tokenLocations.includes('body')) return
  throw new TypeError(
    "authenticate of oauth-resource-server/fetch does not read the body: remove 'body' from tokenLocations",
  )
}

function createErrorResponse(error: AccessTokenError): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(ensureHeaders(error))) {
    // Each challenge is a line of its own, unless the server joins lines of the same name.
    for (const line of [value].flat()) headers.append(name, line)
  }
  const body = serializeBody(error)
  headers.set('Content-Length', String(new TextEncoder().encode(body).length))
  return createResponse(error.status, headers, body)
}

/** `Response` adds a Content-Type for any string, even an empty one, and throws for a string with 204. */
function createResponse(status: number, headers: Headers, body: string): Response {
  return new Response(body === '' ? null : body, { status, headers })
}
