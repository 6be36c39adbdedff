/** @module The interface of a test issuer. Types only. */
import type { JSONWebKeySet } from 'jose'
import type { BadTokens } from './bad-tokens.ts'
import type { ClientCertificate } from './client-certificate.ts'
import type { TestClock } from './clock.ts'
import type { DpopClient } from './dpop-client.ts'
import type { FaultName } from './faults.ts'
import type { IntrospectionFaultName } from './introspection-endpoint.ts'
import type { RequestCounts } from './request-listener.ts'

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
   * that is bound to the key of the proof. The `iat` of the proof is not checked.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4 | RFC 6749, section 4.4}
   * @see {@link https://www.rfc-editor.org/rfc/rfc8707#section-2 | RFC 8707, section 2}
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-5 | RFC 9449, section 5}
   */
  readonly tokenEndpoint: string
  /**
   * The URL at which resource servers introspect tokens: `POST`, authenticated like {@link
   * TestIssuer.tokenEndpoint}. Accepts opaque tokens and JWTs. Signs the response to a request that
   * accepts only `application/token-introspection+jwt`.
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
   * `claims` and `header` are merged into the token unchecked; a member that is `undefined` is left out. The
   * first use of another {@link SigningAlgorithm} as `alg` generates and publishes a key for it. With
   * the `alg` `none` the signature is empty. A `kid` does not select a key.
   *
   * @throws TypeError for any other `alg`.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-2 | RFC 9068, section 2}
   */
  token(claims?: object, header?: object): Promise<string>
  /**
   * Creates a client with a DPoP key of its own: it gets tokens that are bound to the key, and creates
   * the proofs for requests.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449 | RFC 9449}
   */
  dpopClient(): DpopClient
  /**
   * Returns a certificate for a client, with its key, and creates tokens that are bound to it. Four calls in
   * a row return different certificates.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
   */
  clientCertificate(): ClientCertificate
  /**
   * Creates an opaque access token, which the introspection endpoint accepts. The response has the members of
   * {@link TestIssuer.token} and `token_type`. `claims` are merged into the response; a member that is
   * `undefined` is left out, for example because many servers send no `iss`, `sub`, `exp` or `jti`.
   */
  opaqueToken(claims?: object): string
  /**
   * Creates a token as {@link TestIssuer.token} does, and encrypts it to the key of the API.
   *
   * @param header Merged into the header of the encrypted token, not into that of the signed token in it.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-6 | RFC 9068, section 6}
   */
  encryptedToken(claims?: object, header?: object): Promise<string>
  /** The private key of the API, for `IssuerOptions.decryptionKeys`. */
  readonly decryptionKeys: JSONWebKeySet
  /**
   * Revokes an opaque token or a JWT: the introspection endpoint reports it as inactive from now
   * on.
   */
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
   * Ends an outage, on the same port, and any fault. Requests that wait for a response because of the fault
   * `hanging` get none.
   *
   * @throws Error if the issuer is closed, or if another process took the port and keeps it.
   */
  up(): Promise<void>
  /**
   * Makes the metadata and JWKS endpoints fail in this way until {@link TestIssuer.up}. The other endpoints and
   * {@link TestIssuer.token} still work. With `down` no endpoint works; it only begins to close the port:
   * await {@link TestIssuer.down} where the port must be closed.
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
