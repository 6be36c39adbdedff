/**
 * @module The pipeline, top to bottom: credentials, compact JWT, trusted issuer, claims, key,
 * signature, requirement. Everything cheap comes before everything dear; each step passes its result
 * on or throws one AccessTokenError.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from './access-token.ts'
import type { VerificationKey } from './algorithms.ts'
import { AccessTokenError, InvalidTokenError, MissingTokenError, printable } from './errors.ts'
import { createObserver, type TokenRefusedEvent } from './events.ts'
import { freezeDeep } from './freeze.ts'
import { completeHeaders } from './http/challenge.ts'
import { readCredentials } from './http/credentials.ts'
import { findSigningKey, judge, type TrustedIssuer } from './issuer.ts'
import { readOptions, type ValidatorOptions } from './options.ts'
import { type CompiledRequirement, compileRequirement, satisfy, scopesOf } from './requirement.ts'
import { createTokenCache, digestOf } from './token/cache.ts'
import { checkTime } from './token/claims.ts'
import { type CompactJwt, maxTokenLength, parseCompact } from './token/compact.ts'
import { readScopes } from './token/scope.ts'
import { createTrustedIssuers } from './trusted-issuers.ts'

/** Decides whether an access token is good. Made by {@link createValidator}. */
export interface Validator<C extends object = JwtClaims> {
  /**
   * The whole way: a request in, a verified token out.
   *
   * @throws AccessTokenError with everything that the answer needs. What the application's own
   * functions throw comes out as it is.
   */
  readonly authenticate: (
    request: HttpRequest,
    requirement?: Requirement,
  ) => Promise<AccessToken<C>>
  /**
   * For a caller that already holds the token: WebSocket, gRPC, MQTT, a queue.
   *
   * @throws AccessTokenError
   */
  readonly validate: (token: string, requirement?: Requirement) => Promise<AccessToken<C>>
  /**
   * Holds a verified token against one more requirement. Does not verify the token again.
   *
   * @throws InsufficientScopeError
   */
  readonly authorize: (token: AccessToken<C>, requirement: Requirement) => Promise<void>
  /**
   * Fetches metadata and keys now, where they are not fresh, for start-up and health checks. With a
   * function as `issuer` it covers the issuers that are known by now.
   *
   * @throws KeysUnavailableError
   */
  readonly ready: () => Promise<void>
}

/** What is known of a token once it is verified: all but the token itself. */
interface Verified {
  readonly issuer: TrustedIssuer
  readonly key: VerificationKey
  readonly described: Omit<AccessToken, 'token'>
}

/**
 * Makes a validator of access tokens: JWTs that one of the trusted issuers signed for this API.
 * Fetches nothing until the first token comes or {@link Validator.ready} is called.
 *
 * Does not check revocation: a token is good until it expires or its key is withdrawn.
 *
 * @throws TypeError for a wrong option, which it names.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
export function createValidator<C extends object = JwtClaims>(
  options: ValidatorOptions,
): Validator<C> {
  const settings = readOptions(options)
  const observer = createObserver(settings.onEvent)
  const issuers = createTrustedIssuers(settings.issuers, { ...settings, observer })
  const remembered =
    settings.maxRemembered > 0 ? createTokenCache<Verified>(settings.maxRemembered) : undefined
  const seconds = () => settings.now() / 1000

  async function authenticate(request: HttpRequest, requirement?: Requirement) {
    const requirements = requirementsWith(requirement)
    const startedAt = observer.listening() ? performance.now() : 0
    try {
      const credentials = readCredentials(request, settings.tokenLocations)
      if (credentials === undefined) throw new MissingTokenError(scopesOf(requirements))
      return await admit(credentials.token, requirements, startedAt)
    } catch (error) {
      throw refused(error, startedAt)
    }
  }

  async function validate(token: string, requirement?: Requirement) {
    const requirements = requirementsWith(requirement)
    const startedAt = observer.listening() ? performance.now() : 0
    try {
      return await admit(token, requirements, startedAt)
    } catch (error) {
      throw refused(error, startedAt)
    }
  }

  async function authorize(token: AccessToken, requirement: Requirement) {
    const startedAt = observer.listening() ? performance.now() : 0
    const requirements = requirementsWith(requirement)
    try {
      await satisfy(token, requirements)
    } catch (error) {
      throw refused(error, startedAt)
    }
  }

  async function ready() {
    try {
      await Promise.all([...issuers.all()].map(({ keys }) => keys.current()))
    } catch (error) {
      throw completed(error)
    }
  }

  function requirementsWith(requirement: Requirement | undefined): readonly CompiledRequirement[] {
    const own = settings.requirement === undefined ? [] : [settings.requirement]
    return requirement === undefined
      ? own
      : [...own, compileRequirement(requirement, 'requirement')]
  }

  async function admit(
    token: string,
    requirements: readonly CompiledRequirement[],
    startedAt: number,
  ): Promise<AccessToken> {
    const name = nameOf(token)
    const known = name === undefined ? undefined : await recall(name)
    const verified = known ?? (await verify(token))
    if (known === undefined && name !== undefined) remembered?.set(name, verified)
    const accessToken = describeWith(verified, token)
    if (requirements.length > 0) await satisfy(accessToken, requirements)
    if (observer.listening()) {
      observer.emit({
        type: 'token.accepted',
        issuer: accessToken.issuer,
        clientId: accessToken.clientId,
        remembered: known !== undefined,
        durationMs: performance.now() - startedAt,
      })
    }
    return accessToken
  }

  async function verify(token: string): Promise<Verified> {
    const jwt = parseCompact(token)
    const issuer = await issuers.find(jwt.claims.iss)
    try {
      judge(jwt, issuer, seconds())
      const key = await findSigningKey(jwt, issuer)
      return { issuer, key, described: describe(jwt, issuer) }
    } catch (error) {
      if (error instanceof InvalidTokenError) error.detail = detailed(error, jwt, issuer)
      throw error
    }
  }

  /** What was verified before, if every check that time can change still passes. */
  async function recall(name: string): Promise<Verified | undefined> {
    const verified = remembered?.get(name)
    if (verified === undefined) return undefined
    const { issuer, key, described } = verified
    const trusted = (await issuers.find(issuer.issuer)) === issuer
    checkTime(described.claims, issuer, seconds())
    if (trusted && (await issuer.keys.current()).has(key)) return verified
    remembered?.delete(name)
    return undefined
  }

  function nameOf(token: string): string | undefined {
    const looksLikeOne = typeof token === 'string' && token.length <= maxTokenLength
    return remembered !== undefined && looksLikeOne ? digestOf(token) : undefined
  }

  function refused(error: unknown, startedAt: number): unknown {
    if (!(error instanceof AccessTokenError)) {
      observer.emit({ type: 'check.failed', cause: error })
      return error
    }
    if (error instanceof MissingTokenError) observer.emit({ type: 'token.missing' })
    else if (observer.listening()) {
      observer.emit({
        type: 'token.refused',
        status: error.status,
        reason: (error instanceof InvalidTokenError
          ? error.reason
          : error.code) as TokenRefusedEvent['reason'],
        issuer: error.detail.issuer,
        detail: error.detail,
        cause: error.cause,
        durationMs: performance.now() - startedAt,
      })
    }
    return completed(error)
  }

  function completed(error: unknown): unknown {
    if (error instanceof AccessTokenError) completeHeaders(error, settings)
    return error
  }

  // The claims' type is the caller's word: the validator checks only the named ones.
  return Object.freeze({ authenticate, validate, authorize, ready }) as unknown as Validator<C>
}

function detailed(error: InvalidTokenError, { header }: CompactJwt, { issuer }: TrustedIssuer) {
  const { alg, kid } = header
  return {
    ...error.detail,
    issuer,
    algorithm: printable(alg),
    ...(kid !== undefined && { kid: printable(kid) }),
  }
}

/** Everything of a verified token that can be shared between requests. */
function describe(jwt: CompactJwt, issuer: TrustedIssuer): Verified['described'] {
  const claims = freezeDeep(jwt.claims) as Readonly<JwtClaims>
  const { sub, aud = [] } = claims
  const clientId = [claims.client_id, claims.azp, claims.cid].find((id) => typeof id === 'string')
  return {
    issuer: issuer.issuer,
    ...(sub !== undefined && { subject: sub }),
    ...(clientId !== undefined && { clientId: clientId as string }),
    audience: Object.freeze(typeof aud === 'string' ? [aud] : [...aud]),
    scopes: readScopes(claims, issuer.scopeClaim),
    expiresAt: claims.exp,
    scheme: 'Bearer',
    claims,
    header: jwt.header,
  }
}

function describeWith({ described }: Verified, token: string): AccessToken {
  const accessToken = { ...described }
  Object.defineProperty(accessToken, 'token', { value: token })
  return Object.freeze(accessToken) as AccessToken
}
