/**
 * @module Reads the parameters of a request to an endpoint, authenticates the client, and sends error
 * responses. Does not decide what the client is granted.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { TestClient } from './options.ts'
import { sendJson } from './respond.ts'

/** The error codes of the endpoints. */
type TokenErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_dpop_proof'

/**
 * A response with an error code.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-5.2 | RFC 6749, section 5.2}
 */
export interface TokenError {
  readonly error: TokenErrorCode
  readonly description: string
  /** @defaultValue 401 for `invalid_client`, 400 for every other error */
  readonly status?: number
}

/** The parameters of a request that have a value. Each occurs once. */
export type Form = ReadonlyMap<string, string>

interface ClientCredentials {
  readonly id: string | undefined
  readonly secret: string | undefined
}

const maxBodyBytes = 64 * 1024

/** Reads the form. Rejects if the client closes the connection before the end of it. */
export async function readForm(request: IncomingMessage): Promise<Form | TokenError> {
  const [mediaType = ''] = String(request.headers['content-type']).split(';', 1)
  if (mediaType.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    return invalidRequest('The body must be application/x-www-form-urlencoded')
  }
  const body = await readBody(request)
  if (body === undefined) {
    return { ...invalidRequest('The body is larger than 64 KiB'), status: 413 }
  }
  return parseForm(new URLSearchParams(body))
}

/** Finds the client whose credentials a request has. */
export function authenticateClient(
  authorization: string | undefined,
  form: Form,
  clients: readonly TestClient[],
): { readonly client: TestClient } | TokenError {
  const credentials = readCredentials(authorization, form)
  if (credentials && 'error' in credentials) return credentials
  const client = clients.find(
    ({ id, secret }) => id === credentials?.id && secret === credentials.secret,
  )
  if (client !== undefined) return { client }
  return { error: 'invalid_client', description: 'The client is unknown or its secret is wrong' }
}

/**
 * Returns the client credentials from the `Authorization` header or the form, as far as they are there;
 * `undefined` if the header has none that are well formed.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 | RFC 6749, section 2.3.1}
 */
function readCredentials(
  authorization: string | undefined,
  form: Form,
): ClientCredentials | TokenError | undefined {
  const id = form.get('client_id')
  const secret = form.get('client_secret')
  if (authorization === undefined) return { id, secret }
  // RFC 6749 §2.3: no more than one authentication method in each request.
  if (secret !== undefined) {
    return invalidRequest('The client must not authenticate in two ways at once')
  }
  const basic = parseBasic(authorization)
  if (id !== undefined && basic !== undefined && id !== basic.id) {
    return invalidRequest('The parameter client_id differs from the Authorization header')
  }
  return basic
}

/** Sends an error response. For `invalid_client` it has a challenge for Basic authentication. */
export function sendTokenError(
  response: ServerResponse,
  refusal: TokenError,
  headers: OutgoingHttpHeaders = {},
): void {
  const { error, description: error_description } = refusal
  const isUnauthorized = error === 'invalid_client'
  const challenge = isUnauthorized ? { 'WWW-Authenticate': 'Basic realm="test-issuer"' } : {}
  const { status = isUnauthorized ? 401 : 400 } = refusal
  sendJson(response, status, { error, error_description }, { ...headers, ...challenge })
}

/** Creates the error of a malformed request. */
export function invalidRequest(description: string): TokenError {
  return { error: 'invalid_request', description }
}

// Reads even a body that is too long to its end, because a client may not read the response while it sends.
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length <= maxBodyBytes) chunks.push(chunk)
  }
  return length <= maxBodyBytes ? Buffer.concat(chunks).toString() : undefined
}

/** Reads parameters of which each may occur once. */
export function parseForm(parameters: URLSearchParams): Form | TokenError {
  const form = new Map<string, string>()
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name)
    if (values.length > 1) return repeated(name)
    const [value] = values
    // RFC 6749 §3.2: parameters sent without a value are treated as if they were omitted.
    if (value) form.set(name, value)
  }
  return form
}

function repeated(name: string): TokenError {
  // RFC 8707 §2 allows several resources; this server issues tokens for one.
  if (name === 'resource') {
    return { error: 'invalid_target', description: 'A token is for one resource only' }
  }
  return invalidRequest('A parameter is repeated')
}

function parseBasic(authorization: string): ClientCredentials | undefined {
  const [, encoded] = /^basic +([\w+/-]+=*) *$/i.exec(authorization) ?? []
  if (encoded === undefined) return undefined
  const pair = Buffer.from(encoded, 'base64').toString()
  const colon = pair.indexOf(':')
  if (colon === -1) return undefined
  try {
    return { id: formDecode(pair.slice(0, colon)), secret: formDecode(pair.slice(colon + 1)) }
  } catch {
    return undefined
  }
}

// RFC 6749 §2.3.1: id and secret are form-urlencoded before they are joined.
function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
