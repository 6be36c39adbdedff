/**
 * DPoP proofs: the package against jose with the rules of RFC 9449 written anew. Both accept the same
 * proofs, or a named rule explains why the package is stricter. It is never laxer.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  calculateJwkThumbprint,
  EmbeddedJWK,
  type JWK,
  type JWTHeaderParameters,
  jwtVerify,
} from 'jose'
import { AccessTokenError, type Algorithm } from 'oauth-resource-server'
import { type ResolvedDpop, resolveDpop } from '../../../src/options/dpop.ts'
import { createDpopVerifier } from '../../../src/proof/dpop-verifier.ts'
import { bareJwk, soleIssuer } from '../../support/dpop.ts'
import { keyValues, memberOf, oddValue } from './inputs.ts'
import { checkNothingLeaks } from './invariants.ts'
import {
  algorithmsOf,
  CANARY,
  fitting,
  foreignKey,
  forgeries,
  keys,
  NOW,
  signatureOf,
} from './material.ts'
import { adaptForJose, stricter } from './oracle.ts'
import type { Property } from './run.ts'
import { base64urlSpellings, compactSpellings, jsonSpellings, type Spelling } from './spellings.ts'

const targetUri = 'https://rs.test/api/~p'
const method = 'POST'
const token = `${CANARY}.access.token`
const ath = createHash('sha256').update(token).digest('base64url')
const rules = { maxAge: 60, clockTolerance: 5 }

interface Mutation {
  readonly at: 'header' | 'claims' | 'key' | 'json' | 'segment' | 'signature' | 'proof'
  readonly name: string
  readonly value: unknown
}

const uris = [
  ...['HTTPS://RS.TEST:443/api/~p', 'https://rs.test:/api/%7ep?q#f', `${targetUri}?`],
  ...[
    'https://rs.test/x/../api/./~p',
    'https://rs.test/%61pi/%7E%70',
    'https://rs.test/api/%2e/~p',
  ],
  ...['http://rs.test/api/~p', 'https://rs.test/api/~p/', 'https://rs.test/api%2F~p', '/api/~p'],
  ...['https://u@rs.test/api/~p', 'https://rs.test:444/api/~p', 'https://rs.test//api/~p'],
  ...[
    'https:\\\\rs.test\\api\\~p',
    ' https://rs.test/api/~p',
    'https:rs.test/api/~p',
    'https://rs.test./api/~p',
  ],
  ...[
    'https://rs.test:0443/api/~p',
    'https://rs%2Etest/api/~p',
    'https://evil.test/?https://rs.test/api/~p',
  ],
]
const moments = [-3600, -65, -64.9, -60, -5, -4.9, -0.5, 5, 5.1, 6, 10, 10.1, 3600].map(
  (d) => NOW + d,
)
const among = (...values: readonly unknown[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<unknown>(...values) },
    { weight: 1, arbitrary: oddValue },
  )

const claimValues = {
  jti: among(CANARY, '\ud800', 'j'.repeat(500)),
  htm: among('POST', 'post', 'GET', ['POST']),
  htu: among(...uris, ...uris, [targetUri]),
  iat: among(...moments, `${NOW}`),
  exp: among(...moments, `${NOW}`),
  nbf: among(...moments, `${NOW}`),
  ath: among(ath, `${ath}=`, token),
  nonce: among('n'),
  other: oddValue,
}
const headerValues = {
  typ: among('dpop+jwt', 'DPoP+JWT', 'application/dpop+jwt', 'JWT', 'at+jwt', 'dpop+jwt '),
  alg: among(...Object.values(algorithmsOf).flat(), 'none', 'HS256', 'es256', 'ES256K'),
  crit: among(['b64'], [], ['exp']),
  b64: among(true, false),
  kid: among(CANARY),
  jwk: among(bareJwk(foreignKey), 'text', []),
  x5c: among([CANARY]),
  other: oddValue,
}

const n = fc.nat({ max: 9_999 })
const spelling = (at: Mutation['at'], table: object) =>
  fc.record({ at: fc.constant(at), name: fc.constantFrom(...Object.keys(table)), value: n })
const member = (at: Mutation['at'], table: Record<string, fc.Arbitrary<unknown>>) =>
  memberOf(table).map(({ name, value }): Mutation => ({ at, name, value }))
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 6, arbitrary: member('claims', claimValues) },
  { weight: 3, arbitrary: member('header', headerValues) },
  { weight: 3, arbitrary: member('key', keyValues) },
  { weight: 1, arbitrary: spelling('json', jsonSpellings) },
  { weight: 1, arbitrary: spelling('segment', base64urlSpellings) },
  { weight: 1, arbitrary: spelling('signature', forgeries) },
  { weight: 1, arbitrary: spelling('proof', compactSpellings) },
)

interface Recipe {
  readonly signer: number
  readonly mutations: readonly Mutation[]
  /** Whether the token is bound to the key of the proof, whatever that is. */
  readonly isBound: boolean
}

const recipe: fc.Arbitrary<Recipe> = fc.record({
  signer: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 4, 5, 6),
  mutations: fc.array(mutation, { maxLength: 3 }),
  isBound: fc.constantFrom(true, true, true, true, true, true, true, false),
})

function makeProof({ signer: index, mutations }: Recipe): string {
  const signer = keys[index] as (typeof keys)[number]
  const change = (base: object, at: Mutation['at']) =>
    Object.fromEntries([
      ...Object.entries(base),
      ...mutations.filter((m) => m.at === at).map(({ name, value }) => [name, value] as const),
    ])
  const respell = (text: string, at: Mutation['at'], which: number, table: Spellings) =>
    mutations
      .filter((m) => m.at === at && (at === 'proof' || Number(m.value) % 3 === which))
      .reduce((before, { name, value }) => (table[name] as Spelling)(before, Number(value)), text)

  const jwk = change(bareJwk(signer), 'key')
  const header = change({ typ: 'dpop+jwt', alg: signer.alg, jwk }, 'header')
  const claims = { jti: CANARY, htm: method, htu: targetUri, iat: NOW, ath }
  const segments = [header, change(claims, 'claims')].map((part, which) => {
    const text = Buffer.from(JSON.stringify(part)).toString('latin1')
    const respelled = respell(text, 'json', which, jsonSpellings)
    return Buffer.from(respelled, 'latin1').toString('base64url')
  })
  const input = segments.join('.')
  const alg = fitting(signer).includes(header.alg) ? header.alg : signer.alg
  const signature = mutations
    .filter(({ at }) => at === 'signature')
    .reduce(
      (before, { name, value }) => {
        const forge = forgeries[name] as (typeof forgeries)[string]
        return forge(before, signer, input, Number(value))
      },
      signatureOf(alg, signer, input),
    )
  const spelt = [...segments, signature.toString('base64url')].map((segment, which) =>
    respell(segment, 'segment', which, base64urlSpellings),
  )
  return respell(spelt.join('.'), 'proof', 0, compactSpellings)
}

type Spellings = Readonly<Record<string, Spelling>>

/** The thumbprint that the token is bound to. */
async function bindTo(proof: string, isBound: boolean): Promise<string> {
  try {
    if (!isBound) throw new Error('bound to another key')
    return await calculateJwkThumbprint(decodePart(proof, 0).jwk as JWK)
  } catch {
    return calculateJwkThumbprint(bareJwk(foreignKey))
  }
}

function decodePart(proof: string, index: number): Record<string, unknown> {
  // As jose does, which skips a byte order mark.
  const bytes = Buffer.from(proof.split('.')[index] ?? '', 'base64url')
  return JSON.parse(new TextDecoder().decode(bytes))
}

/** The independent result: `undefined` for a valid proof, or what is wrong with it. */
async function findFault(proof: string, jkt: string): Promise<string | undefined> {
  try {
    const findKey = (header?: JWTHeaderParameters) => {
      return EmbeddedJWK({
        ...header,
        alg: header?.alg as string,
        jwk: adaptForJose({ ...header?.jwk }),
      })
    }
    const { payload, protectedHeader } = await jwtVerify(proof, findKey, {
      typ: 'dpop+jwt',
      algorithms: Object.values(algorithmsOf).flat() as Algorithm[],
      currentDate: new Date(NOW * 1000),
      clockTolerance: rules.clockTolerance,
      requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
    })
    const { jti, nonce, iat } = payload
    const isText = (value: unknown) => typeof value === 'string' && value !== ''
    if (!isText(jti)) return 'jti'
    if (nonce !== undefined && !isText(nonce)) return 'nonce'
    if (payload.htm !== method) return 'htm'
    if (!isSameUri(payload.htu)) return 'htu'
    if (payload.ath !== ath) return 'ath'
    if (!(Number(iat) > NOW - rules.maxAge - rules.clockTolerance)) return 'iat too old'
    if (!(Number(iat) <= NOW + 10)) return 'iat in the future'
    return (await calculateJwkThumbprint(protectedHeader.jwk as JWK)) === jkt ? undefined : 'jkt'
  } catch (error) {
    return (error as Error).message
  }
}

/** By the URL parser of the runtime, which accepts more than URIs. */
function isSameUri(htu: unknown): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return false
  const { origin, username, pathname } = new URL(htu)
  const decoded = pathname.replace(
    /%(7e|6[1-9a-f]|7[0-9a]|4[1-9a-f]|5[0-9a]|2[de])/gi,
    decodeURIComponent,
  )
  return username === '' && origin + decoded === targetUri
}

/** Rules of proofs by which the package is stricter. */
const stricterProofs: Readonly<Record<string, (proof: string) => boolean>> = {
  'at most 8,192 characters': (proof) => proof.length > 8_192,
  'htu is a URI with a port in decimal': (proof) => {
    const { htu } = decodePart(proof, 1)
    return !/^https?:\/\/[a-z0-9.-]+(?::(?:[1-9][0-9]*)?)?(?:[/?#]|$)/i.test(String(htu))
  },
  'the key is canonical': (proof) => {
    const jwk = decodePart(proof, 0).jwk as Record<string, unknown>
    return ['n', 'e', 'x', 'y'].some((name) => {
      const text = jwk[name]
      return (
        typeof text === 'string' && Buffer.from(text, 'base64url').toString('base64url') !== text
      )
    })
  },
}

function explain(proof: string): readonly string[] {
  const [header, claims] = [decodePart(proof, 0), decodePart(proof, 1)]
  const jwk = { ...(header.jwk as object) }
  const ruleSet = { profile: 'jwt', algorithms: [], clockTolerance: 5 } as const
  const shared = stricter.filter(
    ({ applies, appliesToKey }) =>
      applies?.({ token: proof, keys: [], rules: ruleSet }, { header, claims }) ||
      appliesToKey?.(jwk),
  )
  const own = Object.entries(stricterProofs).filter(([, applies]) => applies(proof))
  return [...shared.map(({ name }) => name), ...own.map(([name]) => name)]
}

export function createDpopDifferential(): Property {
  const options = resolveDpop({ maxAge: rules.maxAge, replayStore: 'external' }) as ResolvedDpop
  const { clockTolerance } = rules
  const verifier = createDpopVerifier({ ...options, clockTolerance, now: () => NOW * 1000 })
  let accepted = 0
  let refused = 0
  const reasons = new Map<string, number>()

  async function verify(proof: string, jkt: string): Promise<AccessTokenError | undefined> {
    const request = { method, headers: { dpop: proof } }
    try {
      await verifier.verify({ request, targetUri, token, jkt, issuer: soleIssuer })
      return undefined
    } catch (error) {
      if (error instanceof AccessTokenError) return error
      throw error
    }
  }

  async function compare(input: Recipe): Promise<void> {
    const proof = makeProof(input)
    const jkt = await bindTo(proof, input.isBound)
    const fault = await findFault(proof, jkt)
    // Twice: the key may be cached now.
    for (const error of [await verify(proof, jkt), await verify(proof, jkt)]) {
      if (error === undefined) {
        accepted++
        if (fault !== undefined) throw new Error(`laxer, for ${fault}\nproof: ${proof}`)
        continue
      }
      refused++
      checkNothingLeaks(
        JSON.stringify([error.status, error.body, error.message, error.detail]),
        proof,
      )
      if (fault !== undefined) continue
      const explanations = explain(proof)
      for (const name of explanations) reasons.set(name, (reasons.get(name) ?? 0) + 1)
      if (explanations.length === 0) {
        throw new Error(
          `stricter: ${error.message} ${JSON.stringify(error.detail)}\nproof: ${proof}`,
        )
      }
    }
  }

  return {
    property: fc.asyncProperty(
      fc.array(recipe, { minLength: 1, maxLength: 16, size: 'max' }),
      async (several) => {
        await Promise.all(several.map(compare))
      },
    ),
    inputs: () => accepted + refused,
    summary: () => {
      const share = accepted / (accepted + refused)
      // Acceptance and refusal must both be common, or the comparison means little.
      if (share < 0.2 || share > 0.8) throw new Error(`${accepted} accepted, ${refused} refused`)
      const named = [...reasons].map(([name, times]) => `${name} ${times}`).join(', ')
      return `${accepted} accepted, ${refused} refused; stricter: ${named || 'never'}`
    },
  }
}
