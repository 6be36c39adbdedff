/**
 * @module Bad tokens by name. Each but `idToken` and `malformed` has one defect and is valid in every other
 * respect, so that a test can attribute a refusal to the defect. Imports no HTTP.
 */
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type { KeyRing } from './keys.ts'
import {
  defaultClientId,
  encode,
  encodeDraft,
  selectSigningKey,
  type TokenFactory,
} from './tokens.ts'

/**
 * Creates a token. `claims` and `header` are merged into it as in `token()`, but cannot remove the
 * defect.
 */
export type MintBadToken = (claims?: object, header?: object) => Promise<string>

/** Functions that create tokens with one defect, by the name of the defect. */
export interface BadTokens {
  /** Expired an hour ago. */
  readonly expired: MintBadToken
  /** Becomes valid (`nbf`) in an hour. */
  readonly notYetValid: MintBadToken
  /** Is for another API: `aud` is the issuer's audience followed by `/other`. */
  readonly wrongAudience: MintBadToken
  /** Has the `iss` of another issuer, but the signature of this one. */
  readonly wrongIssuer: MintBadToken
  /** Has a payload that was changed after signing: `sub` is `somebody-else`. */
  readonly tampered: MintBadToken
  /** Has one bit of its signature flipped. */
  readonly wrongSignature: MintBadToken
  /** Is unsecured: `alg` is `none` and the signature is empty. */
  readonly algNone: MintBadToken
  /** Is an HS256 token whose secret is the PEM of the issuer's public key. */
  readonly hmacConfusion: MintBadToken
  /** Is signed with a key that is not in the key set. Its `kid` is not in the set either, and is new each time. */
  readonly unknownKey: MintBadToken
  /** Is signed with a key that is not in the key set, but has the `kid` of one that is. */
  readonly foreignKey: MintBadToken
  /**
   * Has no `scope` claim. A route that requires a scope refuses it with 403, not 401. A route that
   * requires none accepts it: leave it out of a loop over {@link badTokenNames} there.
   */
  readonly withoutScope: MintBadToken
  /** Is an OpenID Connect ID token: `typ` is `JWT`, `aud` is a client, and it has a `nonce`. */
  readonly idToken: MintBadToken
  /** Has no `exp` claim. */
  readonly withoutExpiry: MintBadToken
  /** Is bound to a client certificate (`cnf.x5t#S256`), which no request presents. */
  readonly certificateBound: MintBadToken
  /** Is bound to a DPoP key (`cnf.jkt`), whose private key no client has. */
  readonly dpopBound: MintBadToken
  /** Is not a JWT: always `not.a.jwt`, and ignores the arguments. */
  readonly malformed: MintBadToken
}

/** The name of a bad token: a key of {@link BadTokens}. */
export type BadTokenName = keyof BadTokens

type Defect = (
  tokenFactory: TokenFactory,
  claims: object,
  header: object,
  otherKeys: KeyRing,
) => Promise<string>

const hour = 3600

const defects: Readonly<Record<BadTokenName, Defect>> = {
  expired(tokenFactory, claims, header) {
    const exp = tokenFactory.seconds() - hour
    return tokenFactory.token({ ...claims, iat: exp - tokenFactory.expiresIn, exp }, header)
  },
  notYetValid(tokenFactory, claims, header) {
    const nbf = tokenFactory.seconds() + hour
    return tokenFactory.token({ ...claims, nbf, exp: nbf + tokenFactory.expiresIn }, header)
  },
  wrongAudience: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, aud: `${tokenFactory.audience}/other` }, header),
  wrongIssuer: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, iss: 'https://other-issuer.example.com' }, header),
  async tampered(tokenFactory, claims, header) {
    const [protectedHeader, payload, signature] = split(await tokenFactory.token(claims, header))
    const signed: object = JSON.parse(Buffer.from(payload, 'base64url').toString())
    // The new jti changes the payload even where the test chose the same sub.
    const changed = encode({ ...signed, sub: 'somebody-else', jti: randomUUID() })
    return `${protectedHeader}.${changed}.${signature}`
  },
  async wrongSignature(tokenFactory, claims, header) {
    const [protectedHeader, payload, signature] = split(await tokenFactory.token(claims, header))
    const flipped = Buffer.from(signature, 'base64url').map((byte, at) =>
      at === 8 ? byte ^ 1 : byte,
    )
    return `${protectedHeader}.${payload}.${Buffer.from(flipped).toString('base64url')}`
  },
  algNone: (tokenFactory, claims, header) => tokenFactory.token(claims, { ...header, alg: 'none' }),
  async hmacConfusion(tokenFactory, claims, header) {
    const key = await tokenFactory.keys.current()
    const signingInput = encodeDraft(tokenFactory.draft(key, claims, { ...header, alg: 'HS256' }))
    const secret = key.publicKey.export({ type: 'spki', format: 'pem' })
    const signature = createHmac('sha256', secret).update(signingInput).digest('base64url')
    return `${signingInput}.${signature}`
  },
  unknownKey: (tokenFactory, claims, header, otherKeys) =>
    tokenFactory.token(claims, { ...header, kid: randomUUID() }, otherKeys),
  async foreignKey(tokenFactory, claims, header, otherKeys) {
    const { kid } = await selectSigningKey(tokenFactory.keys, header)
    return tokenFactory.token(claims, { ...header, kid }, otherKeys)
  },
  withoutScope: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, scope: undefined }, header),
  idToken(tokenFactory, claims, header) {
    const withoutAccessTokenClaims = { ...claims, client_id: undefined, jti: undefined }
    const auth_time = tokenFactory.seconds()
    return tokenFactory.token(
      { auth_time, ...withoutAccessTokenClaims, aud: defaultClientId, nonce: randomUUID() },
      { ...header, typ: 'JWT' },
    )
  },
  withoutExpiry: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, exp: undefined }, header),
  certificateBound: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, cnf: { 'x5t#S256': randomThumbprint() } }, header),
  dpopBound: (tokenFactory, claims, header) =>
    tokenFactory.token({ ...claims, cnf: { jkt: randomThumbprint() } }, header),
  malformed: async () => 'not.a.jwt',
}

/** The names of all bad tokens, for `it.each(badTokenNames)`. See {@link BadTokens.withoutScope}. */
export const badTokenNames: readonly BadTokenName[] = Object.freeze(
  Object.keys(defects) as BadTokenName[],
)

/**
 * Creates the bad tokens of one issuer.
 *
 * @param otherKeys Keys that the issuer does not publish. They are generated on first use.
 */
export function createBadTokens(tokenFactory: TokenFactory, otherKeys: KeyRing): BadTokens {
  const entries = badTokenNames.map((name): [BadTokenName, MintBadToken] => [
    name,
    async (claims = {}, header = {}) => defects[name](tokenFactory, claims, header, otherKeys),
  ])
  return Object.freeze(Object.fromEntries(entries)) as unknown as BadTokens
}

function split(token: string): [header: string, payload: string, signature: string] {
  return token.split('.') as [string, string, string]
}

// As long as a SHA-256 thumbprint. No key or certificate has it.
function randomThumbprint(): string {
  return randomBytes(32).toString('base64url')
}
