/** Compares the package with the oracle: the same result for every token and key set, or a named rule. */
import fc from 'fast-check'
import {
  AccessTokenError,
  createValidator,
  type Validator,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { createInput, type Input, type Recipe, recipe } from './inputs.ts'
import { checkRefusal, outcomeOf } from './invariants.ts'
import { AUD, algorithmsOf, ISS, keySets, NOW } from './material.ts'
import { explain, type Rules, verifyIndependently } from './oracle.ts'
import type { Property } from './run.ts'

const all = Object.values(algorithmsOf).flat()
export const ruleSets: readonly Rules[] = [
  { profile: 'jwt', algorithms: all, clockTolerance: 5 },
  { profile: 'rfc9068', algorithms: all, clockTolerance: 5 },
  {
    profile: 'rfc9068',
    algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    clockTolerance: 0,
    maxTokenAge: 600,
  },
]

interface Variant {
  readonly recipe: Recipe
  readonly rules: number
  readonly route: Route
}

/** The source of the keys. `rotated`: fetched, after other keys with which the token was tried. */
type Route = 'given' | 'fetched' | 'rotated'

/** The maximum number of JWKs in a set. */
const maxKeys = 100

const issuerWith = (keys: object) => ({ issuer: { issuer: ISS, ...keys }, audience: AUD })

const shared = new Map<string, Validator>()

function sharedValidator(rules: Rules, name: keyof typeof keySets): Validator {
  const id = `${ruleSets.indexOf(rules)} ${name}`
  const known = shared.get(id)
  if (known !== undefined) return known
  const jwks = structuredClone(keySets[name]) as { keys: [] }
  const made = createValidator({ ...issuerWith({ jwks }), ...rules, now: () => NOW * 1000 })
  shared.set(id, made)
  return made
}

interface Api {
  readonly validator: Validator
  /** The key set that is in use. An unusable set does not replace another. */
  readonly inUse: () => readonly unknown[]
}

/** Creates a validator with keys from a source; `undefined` if they are refused as an option. */
export async function createApi(
  { token, goodKeys, keySetText: text }: Input,
  { recipe: { keySet }, rules: index, route: asked }: Variant,
): Promise<Api | undefined> {
  const rules = ruleSets[index] as Rules
  if (asked === 'given' && text === undefined) {
    return { validator: sharedValidator(rules, keySet), inUse: () => keySets[keySet].keys }
  }
  const parsed = text === undefined ? { keys: goodKeys } : parse(text)
  const keys = listOf(parsed)
  // A set that nests deeper than the call stack cannot be configured.
  if (asked === 'given' && !text?.includes('['.repeat(500))) {
    const validator = withGivenKeys(parsed, rules)
    return validator && { validator, inUse: () => keys }
  }
  const route = asked === 'given' ? 'fetched' : asked
  const body = text === undefined ? JSON.stringify(parsed) : Buffer.from(text, 'latin1')
  const bodies = route === 'fetched' ? [body] : [JSON.stringify({ keys: goodKeys }), body]
  let now = route === 'fetched' ? NOW : NOW - 8
  let failed = false
  const validator = createValidator({
    ...issuerWith({ jwksUri: `${ISS}/jwks` }),
    ...rules,
    keys: { maxAge: 2 },
    now: () => now * 1000,
    fetch: async () => new Response(bodies.length > 1 ? bodies.shift() : bodies[0]),
    onEvent: ({ type }: ValidatorEvent) => {
      if (type === 'keys.failed') failed = true
    },
  })
  if (route === 'rotated') {
    await validator.ready()
    await outcomeOf(validator.validate(token))
    now = NOW
  }
  // A larger set is refused unread.
  const published = keys.length > maxKeys ? [] : keys
  const remaining = () => goodKeys.filter((key) => !isCompromised(key, published))
  return { validator, inUse: () => (failed && route === 'rotated' ? remaining() : keys) }
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** Whether a set contains the key with a private member: the key is dropped, also from the old set. */
function isCompromised(key: unknown, set: readonly unknown[]): boolean {
  return set.some(
    (jwk) =>
      typeof jwk === 'object' &&
      jwk !== null &&
      privateMembers.some((name) => Object.hasOwn(jwk, name)) &&
      publicText(jwk) === publicText(key as object),
  )
}

// A key that is no RSA key may have a member `n` too.
function publicText(jwk: { kty?: unknown; n?: unknown; x?: unknown }): string {
  return Buffer.from(String(jwk.kty === 'RSA' ? jwk.n : jwk.x), 'base64url').toString('base64url')
}

function withGivenKeys(jwks: unknown, rules: Rules): Validator | undefined {
  // An option that is undefined is absent, which would mean discovery.
  if (jwks === undefined) return undefined
  try {
    const given = issuerWith({ jwks: jwks as never })
    return createValidator({ ...given, ...rules, now: () => NOW * 1000 })
  } catch (error) {
    // A set without a usable key is refused at construction.
    if (error instanceof TypeError && /^jwks of issuer/.test(error.message)) return undefined
    throw error
  }
}

/** A byte order mark before the JSON is skipped, as RFC 8259 §8.1 allows. */
function parse(text: string): unknown {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    return JSON.parse(decoder.decode(Buffer.from(text, 'latin1')))
  } catch {
    return undefined
  }
}

const listOf = (set: unknown): readonly unknown[] => {
  const keys = (set as { keys?: unknown } | null | undefined)?.keys
  return Array.isArray(keys) ? keys : []
}

/** Compares JSON values. Does not recurse, because they may nest deeper than the call stack allows. */
function isSame(one: unknown, other: unknown): boolean {
  const pending: [unknown, unknown][] = [[one, other]]
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const [a, b] = pair
    if (Object.is(a, b)) continue
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
    const names = Object.keys(a)
    if (names.join() !== Object.keys(b).join() || Array.isArray(a) !== Array.isArray(b))
      return false
    for (const name of names) pending.push([a[name as never], b[name as never]])
  }
  return true
}

const variants: fc.Arbitrary<Variant> = fc.record({
  recipe,
  rules: fc.constantFrom(0, 0, 1, 1, 2),
  route: fc.constantFrom<Route>('given', 'given', 'given', 'given', 'fetched', 'rotated'),
})

export function createDifferential(): Property {
  let accepted = 0
  let refused = 0
  const reasons = new Map<string, number>()
  const compare = async (variant: Variant) => {
    const rules = ruleSets[variant.rules] as Rules
    const input = createInput(variant.recipe)
    const { token, keySetText } = input
    const found = await createApi(input, variant)
    const outcome = found && (await outcomeOf(found.validator.validate(token)))
    const keys = found?.inUse() ?? listOf(keySetText === undefined ? undefined : parse(keySetText))
    const expected = await verifyIndependently({ token, keys, rules })
    const differs = (problem: string) =>
      new Error(`${problem}\ntoken: ${token}\nkeys: ${keySetText ?? variant.recipe.keySet}`)
    if (outcome === undefined || outcome instanceof AccessTokenError) {
      refused++
      if (outcome !== undefined) {
        checkRefusal(outcome, token, [401, 503])
      }
      if (typeof expected === 'string') return
      const rulesThatApply = await explain({ token, keys, rules }, expected)
      for (const name of rulesThatApply) reasons.set(name, (reasons.get(name) ?? 0) + 1)
      if (rulesThatApply.length > 0) return
      throw differs(`stricter than jose: ${outcome ?? 'the key set is refused'}`)
    }
    accepted++
    if (typeof expected === 'string') throw differs(`less strict than jose: ${expected}`)
    const { header, claims } = outcome
    if (!isSame({ header, claims }, expected)) throw differs('other claims')
    // The cached token must have the same result.
    const again = await outcomeOf(found?.validator.validate(token) as Promise<typeof outcome>)
    if (again instanceof AccessTokenError || !isSame(again.claims, claims)) {
      throw differs('another result when cached')
    }
  }
  // Several at a time, because most of the time is spent in other threads. Shrinking leaves one.
  const property = fc.asyncProperty(
    fc.array(variants, { minLength: 1, maxLength: 16, size: 'max' }),
    async (several) => {
      await Promise.all(several.map(compare))
    },
  )
  return {
    property,
    inputs: () => accepted + refused,
    summary: () => {
      const share = accepted / (accepted + refused)
      // Both results must be frequent, because otherwise the comparison is not meaningful.
      if (share < 0.2 || share > 0.8) throw new Error(`${accepted} accepted, ${refused} refused`)
      const named = [...reasons].map(([name, times]) => `${name} ${times}`).join(', ')
      return `${accepted} accepted, ${refused} refused; stricter: ${named || 'never'}`
    },
  }
}
