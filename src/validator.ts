/**
 * @module The pipeline, top to bottom: credentials, compact JWT, trusted issuer, claims, key,
 * signature, requirement. Everything cheap comes before everything dear; each step passes its result
 * on or throws one AccessTokenError.
 */
import type {
  AccessToken,
  HttpRequest,
  JoseHeader,
  JwtClaims,
  Requirement,
} from './access-token.ts'
import { validateToken68 } from './credentials/authorization-header.ts'
import { hintForMissingToken, readCredentials } from './credentials/credentials.ts'
import type { PresentedToken } from './credentials/presented-token.ts'
import {
  AccessTokenError,
  type ErrorDetail,
  InvalidTokenError,
  MissingTokenError,
  printable,
  ServiceUnavailableError,
} from './errors.ts'
import { createObserver, type TokenRefusedEvent } from './events.ts'
import { toError } from './internal/callback.ts'
import { isPromised } from './internal/maybe-promise.ts'
import { withTimeout } from './internal/timeout.ts'
import { findSigningKey } from './issuer/signing-key.ts'
import { type TrustedIssuer, validateHeaderAndClaims } from './issuer/trusted-issuer.ts'
import { createTrustedIssuers } from './issuer/trusted-issuers.ts'
import { readOptions } from './options/resolve.ts'
import type { ValidatorOptions } from './options/types.ts'
import { createTokenCache, type Found, notFound } from './pipeline/token-cache.ts'
import {
  createAccessToken,
  createVerificationResult,
  type VerificationResult,
} from './pipeline/verified-token.ts'
import { createRequirementEvaluator } from './requirement/evaluate.ts'
import { type CompiledRequirement, compileRequirement } from './requirement/requirement.ts'
import { challengeScopes } from './requirement/scopes.ts'
import { completeHeaders, createChallenges } from './response/challenge.ts'
import { type Claims, getClaim } from './token/claim.ts'
import { maxTokenLength, parseCompactJws } from './token/compact-jws.ts'
import { hintForOtherKind, hintForReason } from './token/hints.ts'
import { validateTime } from './token/time.ts'

/** Decides whether an access token is good. Made by {@link createValidator}. */
export interface Validator<C extends object = JwtClaims> {
  /**
   * The whole way: a request in, a verified token out.
   *
   * @throws AccessTokenError with everything that the answer needs. What the application's own
   * functions throw is the `cause` of an Error.
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
   * @throws InsufficientScopeError or InsufficientAuthenticationError
   */
  readonly authorize: (token: AccessToken<C>, requirement: Requirement) => Promise<void>
  /**
   * Fetches metadata and keys now, where they are not fresh, for start-up and health checks. Resolves
   * also while old keys serve on in an outage; rejects as soon as one issuer has none, though the
   * tokens of others are good. With a function as `issuer` it covers the issuers of which a token was
   * verified, while the function's answer is current.
   *
   * @throws ServiceUnavailableError, whose `cause` tells an outage from a wrong issuer.
   */
  readonly ready: () => Promise<void>
}

/** What is being decided, and what is known of it by now: filled in on the way. */
interface Decision {
  /** Milliseconds; 0 where nobody wants to know. */
  readonly startedAt: number
  /** When it began to wait for the function given as issuer, in milliseconds; if it did. */
  waitingSince: number | undefined
  requirements: readonly CompiledRequirement[]
  presented: PresentedToken | undefined
  /** The header of a token that could be parsed. */
  header: JoseHeader | undefined
  /** The claims of a token that was parsed for this decision. */
  claims: Claims | undefined
  issuer: TrustedIssuer | undefined
}

/** A token, or a promise of one where something has to be waited for. */
type Decided = AccessToken | Promise<AccessToken>

export type Decide = (request: HttpRequest, requirement?: Requirement) => Decided

const deciders = new WeakMap<object, Decide>()

/** What adapters call: `authenticate`, without a promise where the answer is known at once. */
export function deciderOf(validator: Validator<object>): Decide {
  // A validator may also be an object around one of ours.
  const ask = async (request: HttpRequest, requirement?: Requirement) =>
    (await validator.authenticate(request, requirement)) as AccessToken
  return deciders.get(validator) ?? ask
}

/**
 * Makes a validator of access tokens: JWTs that one of the trusted issuers signed for this API.
 * Fetches nothing until the first token comes or {@link Validator.ready} is called.
 *
 * Does not check revocation: a token is good until it expires or its key is removed. Does not accept
 * opaque and encrypted tokens, nor such as are bound to a key by DPoP or mutual TLS.
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
  const cached =
    settings.maxRemembered > 0
      ? createTokenCache<VerificationResult>(settings.maxRemembered)
      : undefined
  const seconds = () => settings.now() / 1000
  const challenges = createChallenges({ realm: settings.realm })
  const evaluateRequirements = createRequirementEvaluator({
    now: seconds,
    clockTolerance: settings.clockTolerance,
    identifiers: settings.audiences,
  })

  function decideRequest(request: HttpRequest, requirement?: Requirement): Decided {
    return decide(
      () => readCredentials(request, settings.tokenLocations),
      requirement,
      () => hintForMissingToken(request),
    )
  }

  function authenticate(request: HttpRequest, requirement?: Requirement) {
    return Promise.resolve(decideRequest(request, requirement))
  }

  function validate(token: string, requirement?: Requirement) {
    const readToken = () => (token === undefined ? undefined : { token })
    return Promise.resolve(decide(readToken, requirement))
  }

  /** The hot path: a token that is cached is mostly answered without any waiting. */
  function decide(
    readPresented: () => PresentedToken | undefined,
    requirement: Requirement | undefined,
    hintForNone?: () => string | undefined,
  ): Decided {
    const decision = begin()
    try {
      decision.requirements = requirementsWith(requirement)
      const presented = readPresented()
      if (presented === undefined) throw missing(decision.requirements, hintForNone?.())
      decision.presented = presented
      const found = find(presented.token)
      const good = found.value !== undefined && stillGood(found.value, decision)
      if (found.value === undefined || good !== true || decision.requirements.length > 0) {
        return examine(presented, found, good, decision)
      }
      return accepted(createAccessToken(found.value, presented), true, decision)
    } catch (error) {
      return refuse(error, decision)
    }
  }

  /**
   * The whole way.
   *
   * @param good Whether the token is cached and still good.
   */
  async function examine(
    presented: PresentedToken,
    found: Found<VerificationResult>,
    good: boolean | Promise<boolean>,
    decision: Decision,
  ): Promise<AccessToken> {
    try {
      const wasRemembered = good === true || (good !== false && (await good) === true)
      let verified = wasRemembered ? found.value : undefined
      if (verified === undefined) {
        const jwt = parseCompactJws(presented.token, found.known?.header)
        decision.header = jwt.header
        decision.claims = jwt.claims
        const trusted = issuers.find(getClaim(jwt.claims, 'iss'))
        if (isPromised(trusted)) startWaiting(decision)
        const issuer = isPromised(trusted) ? await trusted : trusted
        decision.issuer = issuer
        const now = seconds()
        const times = validateHeaderAndClaims(jwt, issuer, now)
        const key = await limitWait(findSigningKey(jwt, issuer, now), issuer, decision)
        if (key === undefined) throw new InvalidTokenError('unknown_key')
        // Again: it may have waited for keys.
        validateTime(times, issuer, seconds())
        if (!issuer.status.verified) issuers.recordVerified(issuer)
        verified = createVerificationResult(jwt, times, issuer, key)
        cached?.set(presented.token, found, verified.header, verified)
      }
      const token = createAccessToken(verified, presented)
      const pending = evaluateRequirements(token, decision.requirements)
      if (pending !== undefined) await pending
      return accepted(token, wasRemembered, decision)
    } catch (error) {
      await undefined
      throw refused(error, decision)
    }
  }

  /** Later: Node notes a promise that rejects before anybody listens, which costs a microsecond. */
  async function refuse(error: unknown, decision: Decision): Promise<never> {
    await undefined
    throw refused(error, decision)
  }

  async function authorize(token: AccessToken, requirement: Requirement) {
    const decision = begin()
    try {
      await evaluateRequirements(token, requirementsWith(requirement))
    } catch (error) {
      throw refused(error, decision)
    }
  }

  async function ready() {
    try {
      await Promise.all([...issuers.inUse()].map(({ keys }) => keys.current()))
    } catch (error) {
      throw completed(error)
    }
  }

  function begin(): Decision {
    const startedAt = observer.listening() ? performance.now() : 0
    return {
      startedAt,
      waitingSince: undefined,
      requirements: ownRequirements,
      presented: undefined,
      header: undefined,
      claims: undefined,
      issuer: undefined,
    }
  }

  const ownRequirements = settings.requirement === undefined ? [] : [settings.requirement]

  function requirementsWith(requirement: Requirement | undefined): readonly CompiledRequirement[] {
    if (requirement === undefined) return ownRequirements
    return [...ownRequirements, compileRequirement(requirement, 'requirement')]
  }

  /**
   * Repeats every check that time can change for a token that was verified before. What fails here
   * without a throw is verified from the start.
   */
  function stillGood(verified: VerificationResult, decision: Decision): boolean | Promise<boolean> {
    const found = issuers.find(verified.issuer.issuer)
    if (!isPromised(found)) return holds(verified, found, decision)
    startWaiting(decision)
    return found.then((issuer) => limitWait(holds(verified, issuer, decision), issuer, decision))
  }

  function startWaiting(decision: Decision): void {
    decision.waitingSince ??= performance.now()
  }

  /** A request that waited for the function given as issuer has the rest of the time for the keys. */
  function limitWait<T>(
    keys: T | Promise<T>,
    { issuer }: TrustedIssuer,
    { waitingSince }: Decision,
  ): T | Promise<T> {
    if (waitingSince === undefined || !isPromised(keys)) return keys
    const { timeout } = settings.keyPolicy
    const left = timeout * 1000 - (performance.now() - waitingSince)
    const hint = `the function given as issuer and the keys together took more than ${timeout} s`
    return withTimeout(
      keys,
      Math.max(0, left),
      () => new ServiceUnavailableError('keys', 1, { issuer, hint }),
    )
  }

  function holds(verified: VerificationResult, found: TrustedIssuer, decision: Decision) {
    const { issuer, key, header } = verified
    if (found !== issuer) return false
    decision.header = header
    decision.issuer = issuer
    const now = seconds()
    validateTime(verified, issuer, now)
    const keys = issuer.keys.current(now)
    if (!isPromised(keys)) return keys.has(key)
    return keys.then((set) => {
      validateTime(verified, issuer, seconds())
      return set.has(key)
    })
  }

  function find(token: string): Found<VerificationResult> {
    const looksLikeOne = typeof token === 'string' && token.length <= maxTokenLength
    return cached !== undefined && looksLikeOne ? cached.find(token) : notFound
  }

  function accepted(token: AccessToken, cached: boolean, { startedAt }: Decision): AccessToken {
    if (observer.listening()) {
      const { clientId } = token
      observer.emit({
        type: 'token.accepted',
        issuer: token.issuer,
        clientId: clientId === undefined ? undefined : printable(clientId),
        cached,
        durationMs: performance.now() - startedAt,
      })
    }
    return token
  }

  function refused(thrown: unknown, decision: Decision): unknown {
    const error = malformedRequest(decision) ?? thrown
    if (!(error instanceof AccessTokenError)) {
      const cause = toError(error)
      observer.emit({ type: 'callback.failed', cause })
      return cause
    }
    if (error instanceof InvalidTokenError) completeDetail(error, decision)
    if (error instanceof MissingTokenError)
      observer.emit({ type: 'token.missing', hint: error.detail.hint })
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
        durationMs: performance.now() - decision.startedAt,
      })
    }
    return completed(error)
  }

  function completed(error: unknown): unknown {
    if (!(error instanceof AccessTokenError)) return toError(error)
    completeHeaders(error, challenges)
    return error
  }

  // The claims' type is the caller's word: the validator checks only the named ones.
  const validator = Object.freeze({ authenticate, validate, authorize, ready })
  deciders.set(validator, decideRequest)
  return validator as unknown as Validator<C>
}

function missing(
  requirements: readonly CompiledRequirement[],
  hint: string | undefined,
): MissingTokenError {
  return new MissingTokenError(challengeScopes(requirements), hint === undefined ? {} : { hint })
}

/** A text that could not be parsed may be no token at all; anything else was one. */
function malformedRequest({ presented, header }: Decision): AccessTokenError | undefined {
  return presented === undefined || header !== undefined ? undefined : validateToken68(presented)
}

/** Completes the detail of a refusal: the likely mistake, and the trusted issuer once it is known. */
function completeDetail(error: InvalidTokenError, { issuer, header, claims }: Decision): void {
  if (header === undefined) return
  const detail = claims === undefined ? error.detail : withHint(error, header, claims)
  error.detail = detail
  if (issuer === undefined) return
  const { alg, kid } = header
  const algorithm = printable(alg)
  const name = printable(issuer.issuer)
  // The added members come first: adding them after a spread takes twenty times as long.
  error.detail =
    kid === undefined
      ? { issuer: name, algorithm, ...detail }
      : { issuer: name, algorithm, kid: printable(kid), ...detail }
}

function withHint(error: InvalidTokenError, header: JoseHeader, claims: Claims): ErrorDetail {
  const { reason, detail } = error
  const hint =
    hintForOtherKind(reason, header, claims) ?? detail.hint ?? hintForReason(reason, header)
  return hint === detail.hint || hint === undefined ? detail : { ...detail, hint }
}
