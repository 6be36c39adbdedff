/**
 * The independent validator: jose for parsing, signature and key set, and a second implementation of the
 * rules of the profile. Also the list of rules by which the package is stricter. It is never less strict.
 */
import {
  createLocalJWKSet,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import type { Algorithm } from 'oauth-resource-server'
import { AUD, ISS, NOW } from './material.ts'

export interface Rules {
  readonly profile: 'jwt' | 'rfc9068'
  readonly algorithms: readonly Algorithm[]
  readonly clockTolerance: number
  readonly maxTokenAge?: number
}

export interface Case {
  readonly token: string
  readonly keys: readonly unknown[]
  readonly rules: Rules
}

/** What was verified, or the reason why it was not. */
export type IndependentResult = Accepted | string

export interface Accepted {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTVerifyResult>

const prepared = new WeakMap<readonly unknown[], Verify>()

/** jose with a key set. Every key that fits is tried if there is no kid, or several keys have it. */
function verifierOf(keys: readonly unknown[]): Verify {
  const known = prepared.get(keys)
  if (known !== undefined) return known
  const find = createLocalJWKSet({ keys: keys.filter(isObject).map(adaptForJose) } as JSONWebKeySet)
  const verify: Verify = async (token, options) => {
    try {
      return await jwtVerify(token, find, options)
    } catch (error) {
      const several = error as { code?: string } & AsyncIterable<JWK>
      if (several.code !== 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') throw error
      for await (const key of several) {
        const result = await jwtVerify(token, key, options).catch(() => undefined)
        if (result !== undefined) return result
      }
      throw error
    }
  }
  prepared.set(keys, verify)
  return verify
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Rewrites JWKs that jose refuses although the RFCs allow them. (jose also refuses a set with an element
 * that is not an object. RFC 7517 §5 says that such elements should be ignored.)
 */
export function adaptForJose({ ext, ...jwk }: Record<string, unknown>): JWK {
  // `ext` is a member of WebCrypto, not of RFC 7517. WebCrypto refuses a public key whose key_ops
  // contains sign, although RFC 7517 §4.3 names that pair.
  const operations = jwk.key_ops
  if (!Array.isArray(operations) || !operations.includes('verify')) return jwk
  const good = operations.every((name) => typeof name === 'string')
  const unique = new Set(operations).size === operations.length
  return good && unique ? { ...jwk, key_ops: ['verify'] } : jwk
}

export async function verifyIndependently({
  token,
  keys,
  rules,
}: Case): Promise<IndependentResult> {
  const options: JWTVerifyOptions = {
    issuer: ISS,
    audience: AUD,
    algorithms: [...rules.algorithms],
    clockTolerance: rules.clockTolerance,
    currentDate: new Date(NOW * 1000),
    // RFC 9068 §2.2. The other profile requires only exp.
    requiredClaims:
      rules.profile === 'rfc9068' ? ['exp', 'sub', 'client_id', 'iat', 'jti'] : ['exp'],
  }
  try {
    const { payload, protectedHeader } = await verifierOf(keys)(token, options)
    const problem = validateHeader(protectedHeader, rules) ?? validateClaims(payload, rules)
    return problem ?? { header: { ...protectedHeader }, claims: payload }
  } catch (error) {
    return (error as Error).message
  }
}

/** @returns The member that is refused, if any. */
function validateHeader(header: Record<string, unknown>, { profile }: Rules): string | undefined {
  const mediaType = (value: unknown) =>
    typeof value === 'string' ? value.toLowerCase().replace(/^application\//, '') : undefined
  // RFC 9068 §4, RFC 8725 §3.11
  const typ = mediaType(header.typ)
  if (header.typ === undefined ? profile === 'rfc9068' : typ !== 'at+jwt' && typ !== 'jwt')
    return 'typ'
  if (profile === 'rfc9068' && typ !== 'at+jwt') return 'typ'
  // RFC 7519 §5.2: a nested JWT.
  if (mediaType(header.cty) === 'jwt') return 'cty'
  // RFC 7515 §4.1.4
  return header.kid === undefined || typeof header.kid === 'string' ? undefined : 'kid'
}

/** @returns The claim that is refused, if any. */
function validateClaims(claims: Record<string, unknown>, rules: Rules): string | undefined {
  // RFC 7519 §4.1.3
  const list = [claims.aud].flat()
  if (!list.every((audience) => typeof audience === 'string')) return 'aud'
  for (const name of ['sub', 'client_id', 'jti']) {
    if (Object.hasOwn(claims, name) && typeof claims[name] !== 'string') return name
  }
  if (Object.hasOwn(claims, 'cnf')) return 'cnf'
  const { iat } = claims
  if (typeof iat !== 'number') return rules.maxTokenAge === undefined ? undefined : 'iat'
  if (iat > NOW + 60) return 'iat in the future'
  if (iat <= NOW - rules.clockTolerance - (rules.maxTokenAge ?? Number.POSITIVE_INFINITY))
    return 'iat too old'
  return undefined
}

/** A rule by which the package refuses what the independent validator accepts. */
export interface Stricter {
  readonly name: string
  readonly why: string
  /** Whether the rule applies to the token or the whole set. */
  readonly applies?: (input: Case, accepted: Accepted) => boolean
  /** Whether the rule applies to a key. It explains a refusal if no other key verifies the token. */
  readonly appliesToKey?: (jwk: Record<string, unknown>) => boolean
}

const canonical = (text: unknown) =>
  typeof text === 'string' && Buffer.from(text, 'base64url').toString('base64url') === text
const decoded = (text: unknown) => Buffer.from(String(text), 'base64url')
const withoutPadding = (text: unknown) =>
  typeof text === 'string'
    ? text
        .replace(/={1,2}$/, '')
        .replaceAll('+', '-')
        .replaceAll('/', '_')
    : text
const startsWithMark = (text = '') => text.startsWith('77u_') // ef bb bf

export const stricter: readonly Stricter[] = [
  {
    name: 'canonical base64url',
    why: 'RFC 7515 §2: no padding, no white space, no other characters; RFC 4648 §3.5: unused bits are zero. A token has only one encoding.',
    applies: ({ token }) => !token.split('.').every(canonical),
  },
  {
    name: 'no byte order mark',
    why: 'RFC 8259 §8.1: JSON texts must not begin with one.',
    applies: ({ token }) => token.split('.').slice(0, 2).some(startsWithMark),
  },
  {
    name: 'no critical extension',
    why: 'RFC 7515 §4.1.11: no extension is implemented, not even b64 with its default value.',
    applies: (_input, { header }) => Object.hasOwn(header, 'crit'),
  },
  {
    name: 'b64 is true or absent',
    why: 'RFC 7797 §6 and §7: b64 false is not allowed in a JWT, with or without crit.',
    applies: (_input, { header }) => Object.hasOwn(header, 'b64') && header.b64 !== true,
  },
  {
    name: 'dates are finite',
    why: '1e400 is Infinity in JavaScript: the token would never expire.',
    applies: (_input, { claims }) =>
      ['exp', 'nbf', 'iat'].some(
        (name) => Math.abs(Number(claims[name])) === Number.POSITIVE_INFINITY,
      ),
  },
  {
    name: 'identifiers are not empty',
    why: 'An empty sub, client_id or jti does not identify anything, and is equal for all subjects.',
    applies: (_input, { claims }) =>
      ['sub', 'client_id', 'jti'].some((name) => claims[name] === ''),
  },
  {
    name: 'bounded length',
    why: 'More than 16,384 characters, or 4,096 of header, exceed the limits of Node.',
    applies: ({ token }) => token.length > 16_384 || token.indexOf('.') > 4_096,
  },
  {
    name: 'at most 100 keys',
    why: 'A larger set is a mistake or an attack, and every key must be imported.',
    applies: ({ keys }) => keys.length > 100,
  },
  {
    name: 'at most 10 candidates',
    why: 'Every candidate takes a signature check, which any client can cause.',
    applies: ({ keys }, { header }) =>
      keys.filter((jwk) => isObject(jwk) && (header.kid === undefined || jwk.kid === header.kid))
        .length > 10,
  },
  {
    name: 'no private key',
    why: 'RFC 7517 §9.2: if the private key is published, anyone can have signed the token.',
    appliesToKey: (jwk) =>
      ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((name) =>
        Object.hasOwn(jwk, name),
      ),
  },
  {
    name: 'the kid of a key is a string',
    why: 'RFC 7517 §4.5. jose does not check it for a token without kid.',
    appliesToKey: ({ kid }) => kid !== undefined && typeof kid !== 'string',
  },
  {
    name: 'canonical key material',
    why: 'RFC 4648: only base64url or base64, with or without padding; WebCrypto skips other characters.',
    appliesToKey: (jwk) =>
      ['n', 'e', 'x', 'y'].some(
        (name) => Object.hasOwn(jwk, name) && !canonical(withoutPadding(jwk[name])),
      ),
  },
  {
    name: 'coordinates have the length of their field',
    why: 'RFC 7518 §6.2.1.2, RFC 8037 §2: not longer; shorter only without the leading zeros of a curve of RFC 7518.',
    appliesToKey: ({ kty, crv, x, y }) => {
      const lengths: Record<string, number> = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32 }
      const length = lengths[String(crv)]
      if (kty === 'RSA' || length === undefined) return false
      return kty === 'EC'
        ? decoded(x).length > length || decoded(y).length > length
        : decoded(x).length !== length
    },
  },
  {
    name: 'at most 16 operations',
    why: 'RFC 7517 §4.3 defines eight. More would take time in every refresh.',
    appliesToKey: ({ key_ops: operations }) => Array.isArray(operations) && operations.length > 16,
  },
  {
    name: 'a usual RSA exponent',
    why: 'With e = 1 every padded message is its own signature. Even and very large exponents are not in use.',
    appliesToKey: ({ kty, e }) => {
      const bytes = decoded(e)
      return kty === 'RSA' && (BigInt(`0x0${bytes.toString('hex')}`) < 3n || bytes.length > 4)
    },
  },
]

/** Resolves to the rules that explain why the package refused what the oracle accepted. */
export async function explain(input: Case, accepted: Accepted): Promise<readonly string[]> {
  const about = stricter.filter(({ applies }) => applies?.(input, accepted))
  if (about.length > 0) return about.map(({ name }) => name)
  const found = new Set<string>()
  for (const jwk of input.keys) {
    if (typeof (await verifyIndependently({ ...input, keys: [jwk] })) === 'string') continue
    const rule = stricter.find(({ appliesToKey }) => appliesToKey?.(jwk as never))
    if (rule === undefined) return []
    found.add(rule.name)
  }
  return [...found]
}
