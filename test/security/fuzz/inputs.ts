/**
 * Tokens and key sets: valid ones with up to three mutations at any level. Mutations have names, so that
 * a counterexample is readable. Mutations of the signed parts are signed.
 */
import fc from 'fast-check'
import type { JWK } from 'jose'
import {
  AUD,
  CANARY,
  decoys,
  fitting,
  foreignKey,
  forgeries,
  goodClaims,
  ISS,
  keySets,
  keys,
  NOW,
  signatureOf,
  type TestKey,
} from './material.ts'
import { base64urlSpellings, compactSpellings, jsonSpellings, type Spelling } from './spellings.ts'

export type Mutation =
  | { readonly at: 'header' | 'claims'; readonly name: string; readonly value: unknown }
  | {
      readonly at: 'header text' | 'claims text' | 'key set text'
      readonly how: string
      readonly n: number
    }
  | { readonly at: 'segment' | 'signed segment'; readonly how: string; readonly n: number }
  | { readonly at: 'signature' | 'token'; readonly how: string; readonly n: number }
  | { readonly at: 'key'; readonly which: number; readonly name: string; readonly value: unknown }
  | {
      readonly at: 'spelling of a key'
      readonly name: string
      readonly how: string
      readonly n: number
    }
  | { readonly at: 'key set'; readonly how: string; readonly n: number; readonly odd: unknown }

export interface Recipe {
  /** The index of a key; -1 for a key that the issuer does not publish. */
  readonly signer: number
  readonly keySet: keyof typeof keySets
  readonly mutations: readonly Mutation[]
}

export interface Input {
  readonly token: string
  /** A valid key set with the key of the signer and a few others. */
  readonly goodKeys: readonly JWK[]
  /** The key set with its mutations, as octets; `undefined` without mutations. */
  readonly keySetText: string | undefined
}

// RFC 7519 §2: the times around which results change.
const moments = [-601, -600, -5, -4, -1, 0, 0.5, 4, 5, 6, 59, 60, 61, 300, 1e9].map((d) => NOW + d)
const names = [CANARY, '', ISS, AUD, `${AUD}/`, `${ISS}/`, `a ${CANARY}`, '\ud800', 'é', '\0']
const unusualValues = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  [],
  {},
  [[]],
  [null],
  { 0: AUD },
  ...names,
]
export const oddValue = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(undefined, ...unusualValues) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
)

const among = (...values: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<unknown>(...values) },
    { weight: 1, arbitrary: oddValue },
  )

const algs = ['RS256', 'RS384', 'PS256', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const otherAlgs = ['none', 'HS256', 'es256', 'ES256K', 'Ed448', 'ML-DSA-44', 'RSA-OAEP']
const kids = [...keys.map(({ jwk }) => jwk.kid), 'unknown', '__proto__']
const audiences = [AUD, [AUD], ['x', AUD], ['x'], [], [AUD, 1], [AUD, null], AUD.toUpperCase()]
const types = ['at+jwt', 'JWT', 'jwt', 'AT+JWT', 'application/at+jwt', 'Application/JWT', 'jose']

const claimValues: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  iss: among(ISS, `${ISS}/`, [ISS], ISS.toUpperCase()),
  aud: among(...audiences),
  exp: among(...moments, `${NOW + 300}`),
  iat: among(...moments, `${NOW}`),
  nbf: among(...moments, `${NOW}`),
  sub: oddValue,
  client_id: oddValue,
  jti: oddValue,
  cnf: among({ jkt: CANARY }, { 'x5t#S256': CANARY }),
  scope: oddValue,
  other: oddValue,
}
const headerValues: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  alg: among(...algs, ...otherAlgs),
  kid: among(undefined, ...kids),
  typ: among(undefined, ...types, 'dpop+jwt', 'id+jwt', 'application/application/jwt'),
  crit: among(['b64'], ['exp'], [], ['b64', 'b64']),
  b64: among(true, false),
  cty: among('JWT', 'jwt', 'application/JWT', 'json'),
  jwk: fc.constant(foreignKey.jwk),
  jku: fc.constant(`https://evil.test/${CANARY}`),
  x5c: among([CANARY]),
  other: oddValue,
}
export const keyValues: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  use: among('sig', 'enc', 'SIG', ['sig']),
  alg: among(undefined, ...algs, ...otherAlgs),
  kid: among(undefined, ...kids),
  key_ops: among(
    ['verify'],
    ['sign'],
    ['sign', 'verify'],
    ['verify', 'verify'],
    ['verify', 1],
    ['verify', 'deriveKey'],
    ['VERIFY'],
    ['verify', ...Array.from({ length: 16 }, (_, i) => `${CANARY}-${i}`)],
    'verify',
  ),
  kty: among('RSA', 'EC', 'OKP', 'oct', 'AKP', 'rsa'),
  crv: among('P-256', 'P-384', 'P-521', 'secp256k1', 'Ed25519', 'X25519', 'Ed448'),
  e: among('AQAB', 'AQ', 'Ag', 'Aw', 'AAEAAQ', 'AQAB=', 'AQAAAAAAAAAB', 65537),
  n: among('AQAB', keys[2]?.jwk.n, keys[4]?.jwk.n),
  x: among('AQAB', keys[0]?.jwk.x, keys[1]?.jwk.x, foreignKey.jwk.x),
  y: among('AQAB', keys[0]?.jwk.y, foreignKey.jwk.y),
  d: among('AQAB'),
  p: among('AQAB'),
  k: among('AQAB'),
  oth: among([]),
  priv: among('AQAB'),
  ext: among(true, false, 'yes'),
  x5c: among([CANARY]),
}

const n = fc.nat({ max: 9_999 })
const oneOf = (table: Readonly<Record<string, unknown>>) => fc.constantFrom(...Object.keys(table))
export const memberOf = (table: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.oneof(
    ...Object.entries(table).map(([name, value]) => fc.record({ name: fc.constant(name), value })),
  )
const how = (at: Mutation['at'], table: Readonly<Record<string, unknown>>) =>
  fc.record({ at: fc.constant(at), how: oneOf(table), n })

const keySetChanges: Readonly<
  Record<string, (list: unknown[], mine: unknown, n: number, odd: unknown) => unknown>
> = {
  'rubbish in front': (list, _mine, _n, odd) => [odd, ...list],
  'rubbish at the end': (list, _mine, _n, odd) => [...list, odd],
  'mine twice': (list, mine) => [mine, ...list],
  'another one of its name in front': (list, mine) => [withSameKid(mine), ...list],
  'only another one of its name': (_list, mine) => [withSameKid(mine)],
  'only mine': (_list, mine) => [mine],
  'all except mine': (list, mine) => list.filter((jwk) => jwk !== mine),
  'the other way round': (list) => [...list].reverse(),
  crowded: (list, mine, n) => [
    ...Array.from({ length: 8 + (n % 4) }, (_, i) => decoy(mine, i)),
    ...list,
  ],
  full: (list, _mine, n) => [...list, ...Array(96 + (n % 6)).fill(null)],
  'no list': (_list, mine, _n, odd) => (odd === undefined ? mine : odd),
}

const withSameKid = (mine: unknown) => ({ ...foreignKey.jwk, kid: (mine as { kid: unknown }).kid })
/** A key with the same kid and algorithm that does not verify the token. */
const decoy = (mine: unknown, i: number) => {
  const { crv, kid, alg } = mine as JWK
  const n = Buffer.alloc(256, 0xc1 + 2 * i).toString('base64url')
  const jwk = crv === undefined ? { kty: 'RSA', n, e: 'AQAB' } : decoys[crv]?.[i]
  return { ...jwk, kid, alg }
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 5, arbitrary: memberOf(claimValues).map((m) => ({ at: 'claims' as const, ...m })) },
  { weight: 4, arbitrary: memberOf(headerValues).map((m) => ({ at: 'header' as const, ...m })) },
  { weight: 2, arbitrary: how('claims text', jsonSpellings) },
  { weight: 2, arbitrary: how('header text', jsonSpellings) },
  { weight: 1, arbitrary: how('key set text', jsonSpellings) },
  { weight: 1, arbitrary: how('signed segment', base64urlSpellings) },
  { weight: 1, arbitrary: how('segment', base64urlSpellings) },
  { weight: 2, arbitrary: how('signature', forgeries) },
  { weight: 1, arbitrary: how('token', compactSpellings) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(memberOf(keyValues), fc.constantFrom(0, 0, 0, 1, 2, 3))
      .map(([m, which]) => ({ at: 'key' as const, which, ...m })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.constant('spelling of a key' as const),
      name: fc.constantFrom('n', 'e', 'x', 'y'),
      how: oneOf(base64urlSpellings),
      n,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      at: fc.constant('key set' as const),
      how: oneOf(keySetChanges),
      n,
      odd: oddValue,
    }),
  },
) as fc.Arbitrary<Mutation>

const count = fc.constantFrom(0, 0, 1, 1, 1, 1, 1, 2, 2, 3)

export const recipe: fc.Arbitrary<Recipe> = fc.record({
  // Elliptic curves sign fastest, so they are most frequent.
  signer: fc.constantFrom(
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    1,
    1,
    1,
    1,
    2,
    3,
    3,
    3,
    3,
    4,
    5,
    6,
    -1,
  ),
  keySet: fc.constantFrom(...(Object.keys(keySets) as (keyof typeof keySets)[])),
  mutations: count.chain((length) => fc.array(mutation, { maxLength: length, minLength: length })),
})

/** Returns JSON as Latin-1, so that each character is an octet. */
const octets = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('latin1')

/** Creates the token and the key set of a recipe. */
export function createInput({ signer: index, keySet, mutations }: Recipe): Input {
  const signer = keys[index] ?? foreignKey
  const mine = keys.indexOf(signer) === -1 ? 0 : keys.indexOf(signer)
  const of = <A extends Mutation['at']>(...at: A[]) =>
    mutations.filter((m): m is Extract<Mutation, { at: A }> => (at as string[]).includes(m.at))
  const changed = (base: object, at: 'header' | 'claims') =>
    Object.fromEntries([
      ...Object.entries(base),
      ...of(at).map(({ name, value }) => [name, value] as const),
    ])
  const respelled = (text: string, list: readonly { how: string; n: number }[], table: Spellings) =>
    list.reduce((before, m) => (table[m.how] as Spelling)(before, m.n), text)

  const named = keySet === 'nameless' ? {} : { kid: signer.jwk.kid }
  const header = changed({ alg: signer.alg, typ: 'at+jwt', ...named }, 'header')
  const headerText = respelled(octets(header), of('header text'), jsonSpellings)
  const claimsText = respelled(
    octets(changed(goodClaims, 'claims')),
    of('claims text'),
    jsonSpellings,
  )
  let segments = [headerText, claimsText].map((text) =>
    Buffer.from(text, 'latin1').toString('base64url'),
  )
  for (const { how, n } of of('signed segment')) {
    segments[n % 2] = (base64urlSpellings[how] as Spelling)(segments[n % 2] as string, n)
  }
  const input = segments.join('.')
  const alg = fitting(signer).includes(header.alg) ? header.alg : signer.alg
  const signature = of('signature').reduce(
    (before, { how, n }) => (forgeries[how] as Forgery)(before, signer, input, n),
    signatureOf(alg, signer, input),
  )
  segments = [...segments, signature.toString('base64url')]
  for (const { how, n } of of('segment')) {
    segments[n % 3] = (base64urlSpellings[how] as Spelling)(segments[n % 3] as string, n)
  }
  // OpenSSL takes milliseconds to check a point on P-521, so such a key is in the set only if it signs.
  const goodKeys = keySets[keySet].keys.filter((_jwk, index) => index === mine || index < 3)
  return {
    token: respelled(segments.join('.'), of('token'), compactSpellings),
    goodKeys,
    keySetText: changedKeySet(goodKeys, Math.min(mine, goodKeys.length - 1), mutations),
  }
}

type Spellings = Readonly<Record<string, Spelling>>
type Forgery = (signature: Buffer, key: TestKey, input: string, n: number) => Buffer

function changedKeySet(
  goodKeys: readonly JWK[],
  mine: number,
  mutations: readonly Mutation[],
): string | undefined {
  const changes = mutations.filter(({ at }) => at.includes('key'))
  if (changes.length === 0) return undefined
  const list: unknown[] = goodKeys.map((jwk) => ({ ...jwk }))
  let set: unknown = { keys: list }
  let text: string | undefined
  for (const change of changes) {
    const index = change.at === 'key' ? (mine + change.which) % list.length : mine
    const jwk = list[index] as Record<string, unknown>
    if (change.at === 'key') jwk[change.name] = change.value
    else if (change.at === 'spelling of a key') {
      const before = jwk[change.name]
      if (typeof before !== 'string') continue
      jwk[change.name] = (base64urlSpellings[change.how] as Spelling)(before, change.n)
    } else if (change.at === 'key set') {
      const changeSet = keySetChanges[change.how] as (typeof keySetChanges)[string]
      set = { keys: changeSet(list, jwk, change.n, change.odd) }
    }
  }
  text = octets(set)
  for (const change of changes) {
    if (change.at === 'key set text') {
      text = (jsonSpellings[change.how] as Spelling)(text, change.n)
    }
  }
  return text
}
