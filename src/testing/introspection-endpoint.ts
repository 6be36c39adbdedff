/**
 * @module Opaque tokens, and the introspection endpoint that accepts them. Imports nothing of the validator.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-2 | RFC 7662, section 2}
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { faults } from './faults.ts'
import type { TestClient } from './options.ts'
import type { Endpoint } from './request-listener.ts'
import { sendJson } from './respond.ts'
import {
  authenticateClient,
  invalidRequest,
  readForm,
  sendTokenError,
  type TokenError,
} from './token-request.ts'
import { defaultClientId, encodeDraft, type TokenFactory } from './tokens.ts'

/** The faults that only this endpoint has. */
type OwnFaultName =
  | 'unauthorized'
  | 'forbidden'
  | 'rateLimited'
  | 'unavailable'
  | 'activeString'
  | 'withoutActive'
  | 'truncated'
  | 'redirect'

type Respond = (response: ServerResponse) => unknown

const respondWith =
  (status: number, body: object, headers: Record<string, string> = {}): Respond =>
  (response) =>
    sendJson(response, status, body, headers)

const retryAfter = { 'Retry-After': '7' }

// Responses that do not depend on the token.
const ownFaults: Readonly<Record<OwnFaultName, Respond>> = {
  unauthorized: respondWith(401, { error: 'invalid_client' }),
  forbidden: respondWith(403, { error: 'access_denied' }),
  rateLimited: respondWith(429, { error: 'rate_limited' }, retryAfter),
  unavailable: respondWith(503, { error: 'temporarily_unavailable' }, retryAfter),
  activeString: respondWith(200, { active: 'true' }),
  withoutActive: respondWith(200, {}),
  truncated(response) {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"active":tr')
  },
  redirect(response) {
    response.writeHead(307, { Location: '/elsewhere' }).end()
  },
}

/** The faults that the metadata and JWKS endpoints have too. */
type SharedFaultName = 'slow' | 'hanging' | 'html' | 'error' | 'oversized'

/**
 * A way for the introspection endpoint to fail:
 *
 * - `slow`, `hanging`, `html`, `error` and `oversized`: as `fault()` does for the other endpoints
 * - `unauthorized`, `forbidden`: status 401 or 403 to the caller, whatever its credentials are
 * - `rateLimited`, `unavailable`: status 429 or 503 with `Retry-After: 7`
 * - `activeString`, `withoutActive`: `active` is the string `true`, or missing
 * - `truncated`: half of a JSON document
 * - `redirect`: status 307 to another path
 */
export type IntrospectionFaultName = OwnFaultName | SharedFaultName

/** The names of all faults of the introspection endpoint. */
export const introspectionFaultNames: readonly IntrospectionFaultName[] = Object.freeze([
  ...(Object.keys(faults) as SharedFaultName[]),
  ...(Object.keys(ownFaults) as OwnFaultName[]),
])

function isOwnFault(name: IntrospectionFaultName): name is OwnFaultName {
  return Object.hasOwn(ownFaults, name)
}

export interface IntrospectionEndpointOptions {
  readonly issuer: string
  readonly clients: readonly TestClient[]
  readonly tokenFactory: TokenFactory
  readonly tokenPrefix: string
}

export interface TestIntrospection {
  readonly endpoint: Endpoint
  opaqueToken(claims?: object): string
  revoke(token: string): void
  fault(name: IntrospectionFaultName): void
  endFault(): void
}

type Members = Readonly<Record<string, unknown>>

export function createIntrospectionEndpoint(
  options: IntrospectionEndpointOptions,
): TestIntrospection {
  const { issuer, clients, tokenFactory, tokenPrefix } = options
  const opaqueTokens = new Map<string, Members>()
  const revoked = new Set<string>()
  let fault: IntrospectionFaultName | undefined

  function introspect(token: string): Members {
    const members = opaqueTokens.get(token) ?? readJwt(token, tokenFactory)
    const isActive =
      members !== undefined && !revoked.has(token) && isCurrent(members, tokenFactory.seconds())
    return isActive ? { active: true, iss: issuer, ...members } : { active: false }
  }

  async function sign(audience: string, members: Members): Promise<string> {
    const key = await tokenFactory.keys.current()
    const header = { alg: key.jwk.alg, typ: 'token-introspection+jwt', kid: key.kid }
    // RFC 9701 §5
    const iat = tokenFactory.seconds()
    const claims = { iss: issuer, aud: audience, iat, token_introspection: members }
    const signingInput = encodeDraft({ header, claims })
    return `${signingInput}.${await key.sign(signingInput)}`
  }

  async function respondTo(
    request: IncomingMessage,
    response: ServerResponse,
    { token, client }: Caller,
  ): Promise<void> {
    const members = introspect(token)
    const { accept = '' } = request.headers
    if (!accept.includes(jwtType) || accept.includes('application/json')) {
      return sendJson(response, 200, members)
    }
    response.writeHead(200, { 'Content-Type': jwtType }).end(await sign(client.id, members))
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const caller = await readCaller(request, clients)
    if (fault !== undefined && isOwnFault(fault)) return ownFaults[fault](response)
    if ('error' in caller) return sendTokenError(response, caller)
    const proceed = () => respondTo(request, response, caller)
    if (fault === undefined) return proceed()
    return faults[fault](response, { active: true }, proceed)
  }

  return {
    endpoint: { counter: 'introspection', methods: ['POST'], respond },
    opaqueToken(claims = {}) {
      const token = `${tokenPrefix}${randomBytes(32).toString('base64url')}`
      const iat = tokenFactory.seconds()
      opaqueTokens.set(token, {
        sub: defaultClientId,
        aud: tokenFactory.audience,
        client_id: defaultClientId,
        token_type: 'Bearer',
        iat,
        exp: iat + tokenFactory.expiresIn,
        jti: randomUUID(),
        ...claims,
      })
      return token
    },
    revoke(token) {
      revoked.add(token)
    },
    fault(name) {
      if (!introspectionFaultNames.includes(name)) {
        const names = introspectionFaultNames.join(', ')
        throw new TypeError(`Unknown fault ${name}: introspectionFault() takes ${names}`)
      }
      fault = name
    },
    endFault() {
      fault = undefined
    },
  }
}

const jwtType = 'application/token-introspection+jwt'

/** The token that a request asks about, and the client that sent it. */
interface Caller {
  readonly token: string
  readonly client: TestClient
}

async function readCaller(
  request: IncomingMessage,
  clients: readonly TestClient[],
): Promise<TokenError | Caller> {
  const form = await readForm(request)
  if ('error' in form) return form
  const authenticated = authenticateClient(request.headers.authorization, form, clients)
  if ('error' in authenticated) return authenticated
  const token = form.get('token')
  if (token === undefined) return invalidRequest('The parameter token is missing')
  return { token, client: authenticated.client }
}

/** Returns the claims of a JWT that this issuer signed with a key that it still publishes. */
function readJwt(token: string, { keys }: TokenFactory): Members | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.')
  try {
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    if (!keys.findKey(kid)?.verify(`${header}.${payload}`, signature)) return undefined
    return JSON.parse(Buffer.from(payload, 'base64url').toString())
  } catch {
    return undefined
  }
}

function isCurrent({ exp, nbf }: Members, now: number): boolean {
  return !(typeof exp === 'number' && exp <= now) && !(typeof nbf === 'number' && nbf > now)
}
