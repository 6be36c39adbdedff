/**
 * @module How this API authenticates at the introspection endpoint: one method for each request, never
 * two (RFC 6749 §2.3).
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-2.1 | RFC 7662, section 2.1}
 */
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { callbackError } from '../internal/callback.ts'
import { token68 } from '../internal/token68.ts'
import type { ResolvedClientAuthentication } from '../options/introspection.ts'
import { IntrospectionError } from './introspection-error.ts'

/** What authenticates a request. */
interface ClientCredentials {
  readonly headers: Readonly<Record<string, string>>
  /** Parameters of the form. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Creates the credentials of one request. */
export type AuthenticateClient = () => Promise<ClientCredentials>

/**
 * Seconds for which an assertion is valid. The server uses it immediately; the rest allows for
 * differences between the clocks.
 */
const assertionLifetime = 60
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * Creates the function that authenticates requests. It rejects with IntrospectionError
 * (`credentials_unavailable`) if there is no assertion or bearer token.
 *
 * @param now Milliseconds.
 */
export function createClientAuthentication(
  authentication: ResolvedClientAuthentication,
  now: () => number,
): AuthenticateClient {
  return async () => {
    switch (authentication.method) {
      case 'client_secret_basic':
        return inHeader(`Basic ${encodeBasic(authentication)}`)
      case 'client_secret_post': {
        const { clientId, clientSecret } = authentication
        return inBody({ client_id: clientId, client_secret: clientSecret })
      }
      case 'private_key_jwt':
        return inBody(await createAssertion(authentication, now))
      case 'bearer':
        return inHeader(`Bearer ${await getBearerToken(authentication.token)}`)
      // RFC 8705 §2: client_id in the body. The application's `fetch` option presents the certificate.
      case 'tls_client_auth':
      case 'none': {
        const { clientId } = authentication
        return inBody(clientId === undefined ? {} : { client_id: clientId })
      }
    }
  }
}

function inHeader(authorization: string): ClientCredentials {
  return { headers: { authorization }, parameters: {} }
}

function inBody(parameters: Record<string, string>): ClientCredentials {
  return { headers: {}, parameters }
}

type Basic = Extract<ResolvedClientAuthentication, { method: 'client_secret_basic' }>

// RFC 6749 §2.3.1: both parts are form-urlencoded first. With the encoding 'raw' they are not.
function encodeBasic({ clientId, clientSecret, encoding }: Basic): string {
  const encode = encoding === 'form' ? formEncode : (text: string) => text
  return Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')
}

/** RFC 6749, appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

/** Whether form encoding changes the credentials. A server that does not decode them refuses them then. */
export function isChangedByEncoding(authentication: ResolvedClientAuthentication): boolean {
  if (authentication.method !== 'client_secret_basic' || authentication.encoding === 'raw') {
    return false
  }
  const { clientId, clientSecret } = authentication
  return formEncode(clientId) !== clientId || formEncode(clientSecret) !== clientSecret
}

type PrivateKeyJwt = Extract<ResolvedClientAuthentication, { method: 'private_key_jwt' }>

// RFC 7523 §3
async function createAssertion(
  { clientId, key, kid, algorithm, audience }: PrivateKeyJwt,
  now: () => number,
): Promise<Record<string, string>> {
  const iat = Math.floor(now() / 1000)
  try {
    // jose is loaded here, so that an API does not load it if nothing else needs it.
    const { SignJWT } = await import('jose')
    const assertion = await new SignJWT()
      .setProtectedHeader({ alg: algorithm, ...(kid !== undefined && { kid }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(iat)
      .setExpirationTime(iat + assertionLifetime)
      .sign(key)
    return {
      client_id: clientId,
      client_assertion_type: assertionType,
      client_assertion: assertion,
    }
  } catch (cause) {
    throw unavailable('the client assertion could not be signed', cause)
  }
}

async function getBearerToken(token: () => string | Promise<string>): Promise<string> {
  let value: unknown
  try {
    value = await token()
  } catch (thrown) {
    const cause = callbackError('authentication.token', thrown)
    throw unavailable('the callback authentication.token failed', cause)
  }
  // RFC 6750 §2.1
  if (typeof value === 'string' && token68.test(value)) return value
  throw unavailable('authentication.token returned no bearer token')
}

function unavailable(message: string, cause?: unknown): IntrospectionError {
  const hint =
    'the request was not sent: this API has no credentials for the introspection endpoint'
  return new IntrospectionError('credentials_unavailable', message, { hint, cause })
}
