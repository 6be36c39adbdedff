/**
 * @module The public interface of the core: `createValidator`. The decision itself is in
 * `pipeline/authenticate.ts`.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from './access-token.ts'
import { resolveOptions } from './options/resolve.ts'
import type { ValidatorOptions } from './options/types.ts'
import { authenticate, validateToken } from './pipeline/authenticate.ts'
import { authorizeToken } from './pipeline/authorize.ts'
import { createPipeline, type Pipeline } from './pipeline/pipeline.ts'
import { prepareIssuers } from './pipeline/ready.ts'
import { completeError } from './pipeline/report.ts'

/** Validates access tokens. Created by {@link createValidator}. */
export interface Validator<C extends object = JwtClaims> {
  /**
   * Authenticates a request: finds its access token and validates it.
   *
   * @throws AccessTokenError with everything that the response needs; another Error if a function of the
   * application failed or `requirement` is wrong.
   */
  readonly authenticate: (
    request: HttpRequest,
    requirement?: Requirement,
  ) => Promise<AccessToken<C>>
  /**
   * Validates a token without a request: from a WebSocket message, gRPC, MQTT, a queue. Refuses tokens
   * that are bound to a key, because nothing proves possession of it.
   *
   * @throws The same as {@link Validator.authenticate}.
   */
  readonly validate: (token: string, requirement?: Requirement) => Promise<AccessToken<C>>
  /**
   * Checks a requirement, and that of the validator, against a verified token. Does not validate the token
   * again.
   *
   * @throws InsufficientScopeError or InsufficientAuthenticationError; another Error if a function of the
   * application failed or `requirement` is wrong.
   */
  readonly authorize: (token: AccessToken<C>, requirement: Requirement) => Promise<void>
  /**
   * Fetches metadata and keys that are not fresh: for start-up and health checks. In an outage, resolves
   * as long as expired keys may be used. Rejects as soon as one issuer has no keys, even if others have.
   * An issuer with `introspection` whose metadata has no `jwks_uri` needs no keys: its introspection
   * endpoint must be known instead. If `issuer` is a function, covers the issuers that have a verified
   * token and a current result of the function.
   *
   * @throws ServiceUnavailableError, whose `cause` distinguishes an outage from a wrong issuer.
   */
  readonly ready: () => Promise<void>
  /**
   * The metadata document of this API, deeply frozen, and the URL where clients look for it. Present
   * when the option `resource` is set.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-2 | RFC 9728, section 2}
   */
  readonly resourceMetadata?: {
    readonly url: string
    readonly document: Readonly<Record<string, unknown>>
  }
}

const pipelines = new WeakMap<object, Pipeline>()

/**
 * Returns the pipeline of a validator; `undefined` for an object of the application that wraps one, and for a
 * validator of another copy of the package.
 */
export function pipelineOf(validator: Validator<object>): Pipeline | undefined {
  return pipelines.get(validator)
}

/**
 * Creates a validator for the access tokens of this API: JWTs that a trusted issuer has signed (and
 * encrypted, if it has `decryptionKeys`), and opaque tokens of issuers with `introspection`.
 * Fetches nothing until the first token arrives or {@link Validator.ready} is called.
 *
 * Does not check whether a JWT was revoked, unless `introspection.tokens` is `'all'` or the option
 * `revoked` is set: a JWT is valid until it expires or the issuer removes its key. Accepts tokens that are
 * bound to a key only with the option `dpop` or `mtls`.
 *
 * @throws TypeError for a wrong option, which it names.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
export function createValidator<C extends object = JwtClaims>(
  options: ValidatorOptions,
): Validator<C> {
  const pipeline = createPipeline(resolveOptions(options))
  const { resourceMetadata } = pipeline
  const validator = Object.freeze({
    authenticate: (request: HttpRequest, requirement?: Requirement) =>
      Promise.resolve(authenticate(pipeline, request, requirement)),
    validate: (token: string, requirement?: Requirement) =>
      Promise.resolve(validateToken(pipeline, token, requirement)),
    authorize: (token: AccessToken, requirement: Requirement) =>
      Promise.resolve(authorizeToken(pipeline, token, requirement)),
    async ready() {
      try {
        await prepareIssuers(pipeline)
      } catch (error) {
        throw completeError(error, pipeline)
      }
    },
    ...(resourceMetadata && { resourceMetadata }),
  })
  pipelines.set(validator, pipeline)
  // The type of the claims is the caller's assertion: only the named ones are validated.
  return validator as unknown as Validator<C>
}
