/**
 * @module The test kit, `oauth-resource-server/testing`: an authorization server in this process, on a
 * loopback port, for the tests of an API. Not for production. Imports nothing of the validator, so that
 * a mistake in one of the two does not hide the same mistake in the other.
 */
import type { JSONWebKeySet } from 'jose'
import { createAuthorizationCodes } from './authorization-codes.ts'
import { createAuthorizationEndpoint } from './authorization-endpoint.ts'
import { type BadTokens, createBadTokens } from './bad-tokens.ts'
import { type ClientCertificate, createClientCertificates } from './client-certificate.ts'
import { createTestClock, type TestClock } from './clock.ts'
import { createDpopClient, type DpopClient } from './dpop-client.ts'
import { createTokenEncrypter } from './encrypted-tokens.ts'
import { type AnsweringFault, type FaultName, faults } from './faults.ts'
import {
  createIntrospectionEndpoint,
  type IntrospectionFaultName,
} from './introspection-endpoint.ts'
import { createKeyRing } from './keys.ts'
import { createLoopbackServer } from './loopback-server.ts'
import { createMetadata } from './metadata.ts'
import { checkOptions, checkRotateOptions, type TestIssuerOptions } from './options.ts'
import {
  createDocumentEndpoint,
  createRequestListener,
  type Endpoint,
  type RequestCounts,
} from './request-listener.ts'
import { createTokenEndpoint } from './token-endpoint.ts'
import { createMinter } from './tokens.ts'

export {
  type BadTokenName,
  type BadTokens,
  badTokenNames,
  type MintBadToken,
} from './bad-tokens.ts'
export type { ClientCertificate } from './client-certificate.ts'
export type { TestClock } from './clock.ts'
export type { DpopClient, DpopProofRequest } from './dpop-client.ts'
export type { FaultName } from './faults.ts'
export { type IntrospectionFaultName, introspectionFaultNames } from './introspection-endpoint.ts'
export type { SigningAlgorithm } from './keys.ts'
export type { TestClient, TestIssuerOptions } from './options.ts'
export type { RequestCounts } from './request-listener.ts'

/** An authorization server in this process. Its methods can be called without `this`. */
export interface TestIssuer extends AsyncDisposable {
  /** The issuer identifier, for `ValidatorOptions.issuer`. */
  readonly issuer: string
  /** The URL of the key set. Accepts `GET` and `HEAD`; the response has an `ETag`. */
  readonly jwksUri: string
  /**
   * The URL at which clients request tokens: `POST` with the client credentials or the authorization
   * code grant, authenticated with `client_secret_basic` or `client_secret_post`. `audience` or
   * `resource` selects the API. There are no refresh tokens. A request with a DPoP proof gets a token
   * that is bound to its key; the time of the proof is not checked.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4 | RFC 6749, section 4.4}
   * @see {@link https://www.rfc-editor.org/rfc/rfc8707#section-2 | RFC 8707, section 2}
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-5 | RFC 9449, section 5}
   */
  readonly tokenEndpoint: string
  /**
   * Where resource servers ask about tokens: `POST`, authenticated like {@link TestIssuer.tokenEndpoint}.
   * Answers for opaque tokens and for JWTs; signs the answer for a request that accepts only
   * `application/token-introspection+jwt`.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-2 | RFC 7662, section 2}
   * @see {@link https://www.rfc-editor.org/rfc/rfc9701#section-4 | RFC 9701, section 4}
   */
  readonly introspectionEndpoint: string
  /**
   * The URL to which clients send the user: `GET` with the authorization code grant and PKCE (S256).
   * The one user, `test-user`, agrees at once, so the response is the redirect to the client. Every
   * redirect URI is accepted.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.1 | RFC 6749, section 4.1}
   */
  readonly authorizationEndpoint: string
  /** The `aud` of {@link TestIssuer.token}, for `ValidatorOptions.audience`. */
  readonly audience: string
  /**
   * Creates a valid access token of the RFC 9068 profile. Its `sub` and `client_id` are `test-client`,
   * and it has no `scope`.
   *
   * `claims` and `header` are merged into it unchecked; a member that is `undefined` is left out. The
   * first use of another {@link SigningAlgorithm} as `alg` generates and publishes a key for it. With
   * the `alg` `none` the signature is empty. A `kid` does not select a key.
   *
   * @throws TypeError for any other `alg`.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-2 | RFC 9068, section 2}
   */
  token(claims?: object, header?: object): Promise<string>
  /**
   * Creates a client with a DPoP key of its own: it gets tokens that are bound to the key, and makes the
   * proofs for requests.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449 | RFC 9449}
   */
  dpopClient(): DpopClient
  /**
   * Returns a certificate for a client, with its key, and mints tokens that are bound to it. Four calls in
   * a row return different certificates.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
   */
  clientCertificate(): ClientCertificate
  /**
   * Mints an opaque access token, which the introspection endpoint knows. Its answer has the members of
   * {@link TestIssuer.token} and `token_type`. `claims` are merged into it; a member that is `undefined` is
   * left out: many servers send no `iss`, `sub`, `exp` or `jti`.
   */
  opaqueToken(claims?: object): string
  /**
   * Mints a token as {@link TestIssuer.token} does, and encrypts it to the key of the API.
   *
   * @param header Merged into the header of the encrypted token, not into that of the signed token in it.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-6 | RFC 9068, section 6}
   */
  encryptedToken(claims?: object, header?: object): Promise<string>
  /** The private key of the API, for `IssuerOptions.decryptionKeys`. */
  readonly decryptionKeys: JSONWebKeySet
  /** Makes the introspection endpoint call a token inactive from now on: an opaque one or a JWT. */
  revoke(token: string): void
  /** Bad tokens by name: `tokens.expired({ scope: 'read:reports' })`. */
  readonly tokens: BadTokens
  /**
   * Signs with a new key from now on. The old keys stay in the key set, so that their tokens stay
   * valid, unless `withdraw` is true. A validator uses the new set after its next fetch.
   *
   * @defaultValue `withdraw`: false
   */
  rotate(options?: { readonly withdraw?: boolean | undefined }): Promise<void>
  /** Begins an outage: destroys all connections and closes the port. {@link TestIssuer.token} still works. */
  down(): Promise<void>
  /**
   * Ends an outage, on the same port, and any fault. Requests that are already hanging are not
   * answered.
   *
   * @throws Error if the issuer is closed, or if another process took the port and keeps it.
   */
  up(): Promise<void>
  /**
   * Makes the metadata and JWKS endpoints fail in this way until {@link TestIssuer.up}. The token
   * endpoint and {@link TestIssuer.token} still work. `down` only begins to close the port: await
   * {@link TestIssuer.down} where it must be closed.
   *
   * @throws TypeError for an unknown name.
   */
  fault(name: FaultName): void
  /**
   * Makes the introspection endpoint fail in this way until {@link TestIssuer.up}.
   *
   * @throws TypeError for an unknown name.
   */
  introspectionFault(name: IntrospectionFaultName): void
  /** The clock by which tokens are issued. Pass `clock.now` to the validator as `now`. */
  readonly clock: TestClock
  /** How many requests each endpoint has received so far. */
  readonly requests: RequestCounts
  /** Destroys all connections and closes the port for good. May be called again. */
  close(): Promise<void>
}

/**
 * Starts an authorization server with its own key pair on a free port of 127.0.0.1.
 *
 * Test issuers share nothing, so any number of them can run at the same time. The process stays alive
 * until the issuer is closed: by `close()`, or at the end of the block with `await using`.
 *
 * @throws TypeError that names the unknown or malformed option.
 */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { algorithm, audience, path, clients, expiresIn, tokenPrefix, now } = checkOptions(options)
  const keys = createKeyRing(algorithm)
  const [server] = await Promise.all([createLoopbackServer(), keys.current()])

  const issuer = `${server.origin}${path}`
  // RFC 8414 §3.1: a terminating slash is removed before the well-known path is inserted.
  const base = path.replace(/\/$/, '')
  const jwksUri = `${server.origin}${base}/jwks`
  const tokenEndpoint = `${server.origin}${base}/token`
  const authorizationEndpoint = `${server.origin}${base}/authorize`
  const introspectionEndpoint = `${server.origin}${base}/introspect`

  const clock = createTestClock(now)
  const minter = createMinter({ issuer, audience, expiresIn, keys, clock })
  const codes = createAuthorizationCodes(clock)
  const requests: RequestCounts = {
    metadata: 0,
    jwks: 0,
    authorization: 0,
    token: 0,
    introspection: 0,
  }
  let fault: AnsweringFault | undefined
  let closed = false

  const metadata = createDocumentEndpoint({
    counter: 'metadata',
    contentType: 'application/json',
    read: () =>
      createMetadata({
        issuer,
        jwksUri,
        authorizationEndpoint,
        tokenEndpoint,
        introspectionEndpoint,
        algorithm,
      }),
    fault: () => fault,
  })
  const jwks = createDocumentEndpoint({
    counter: 'jwks',
    contentType: 'application/jwk-set+json',
    read: keys.jwks,
    fault: () => fault,
  })
  const encrypter = createTokenEncrypter(minter.token)
  const introspection = createIntrospectionEndpoint({ issuer, clients, minter, tokenPrefix })
  const endpoints = new Map<string, Endpoint>([
    [`/.well-known/oauth-authorization-server${base}`, metadata],
    [`/.well-known/openid-configuration${base}`, metadata],
    [`${base}/.well-known/openid-configuration`, metadata],
    [`${base}/jwks`, jwks],
    [`${base}/authorize`, createAuthorizationEndpoint({ issuer, clients, codes, audience })],
    [`${base}/token`, createTokenEndpoint({ url: tokenEndpoint, clients, minter, codes })],
    [`${base}/introspect`, introspection.endpoint],
  ])
  server.serve(createRequestListener(endpoints, requests))

  async function close(): Promise<void> {
    closed = true
    await server.stop()
  }

  return {
    issuer,
    jwksUri,
    tokenEndpoint,
    authorizationEndpoint,
    introspectionEndpoint,
    audience,
    token: (claims, header) => minter.token(claims, header),
    clientCertificate: createClientCertificates((claims) => minter.token(claims)),
    dpopClient: () => createDpopClient({ token: minter.token, seconds: minter.seconds }),
    opaqueToken: introspection.opaqueToken,
    encryptedToken: encrypter.encryptedToken,
    get decryptionKeys() {
      return encrypter.decryptionKeys
    },
    revoke: introspection.revoke,
    introspectionFault: introspection.fault,
    tokens: createBadTokens(minter, createKeyRing(algorithm)),
    rotate: (options = {}) => keys.rotate(checkRotateOptions(options)),
    down: server.stop,
    async up() {
      if (closed) throw new Error('The test issuer is closed')
      fault = undefined
      introspection.endFault()
      await server.start()
    },
    fault(name) {
      if (name === 'down') {
        void server.stop()
        return
      }
      if (!Object.hasOwn(faults, name)) {
        throw new TypeError(
          `Unknown fault ${name}: fault() takes ${Object.keys(faults).join(', ')} or down`,
        )
      }
      fault = name
    },
    clock,
    requests,
    close,
    [Symbol.asyncDispose]: close,
  }
}
