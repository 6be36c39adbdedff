/** Header values: the lifetime of keys by `Cache-Control`, and the parameters of challenges. */
import fc from 'fast-check'
import { AccessTokenError, createValidator } from 'oauth-resource-server'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { fieldValue } from './documents.ts'
import { createInput } from './inputs.ts'
import { expectFast, outcomeOf, startStopwatch, watchCrashes } from './invariants.ts'
import { AUD, ISS, keySets, NOW } from './material.ts'
import type { Property } from './run.ts'

const good = createInput({
  signer: 0,
  keySet: 'described',
  mutations: [{ at: 'claims', name: 'exp', value: NOW + 1_000_000 }],
}).token

const others = [
  'public',
  'must-revalidate',
  's-maxage=5',
  'private="x"',
  'stale-if-error=9',
  'MAX-STALE=1',
]
/** A `Cache-Control` and its lifetime in seconds, if that is known. */
const cacheControl: fc.Arbitrary<{ value: string; lifetime?: number }> = fc.oneof(
  fieldValue.map((value) => (/max-age/i.test(value) ? { value } : { value, lifetime: 600 })),
  fc
    .record({
      seconds: fc.oneof(fc.nat(200), fc.nat(200_000)),
      directives: fc.array(fc.constantFrom(...others), { maxLength: 3 }),
      at: fc.nat(3),
      name: fc.constantFrom('max-age', 'Max-Age', 'MAX-AGE'),
      quote: fc.constantFrom('', '', '"'),
      comma: fc.constantFrom(', ', ',', ' ,\t', ',,'),
      not: fc.constantFrom('', '', '', 'no-store', 'No-Cache'),
    })
    .map(({ seconds, directives, at, name, quote, comma, not }) => {
      const all = [...directives]
      all.splice(at, 0, `${name}=${quote}${seconds}${quote}`)
      if (not !== '') all.push(not)
      const lifetime = not === '' ? Math.min(86_400, Math.max(60, seconds)) : 600
      return { value: all.join(comma), lifetime }
    }),
)

export function createCacheControl(strict: boolean): Property {
  let inputs = 0
  const watch = watchCrashes()
  const property = fc.asyncProperty(cacheControl, async ({ value, lifetime }) => {
    await expectFast(strict, async () => {
      inputs++
      let now = NOW
      let fetches = 0
      const api = createValidator({
        issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
        audience: AUD,
        now: () => now * 1000,
        fetch: async () => {
          fetches++
          return Response.json(
            { keys: keySets.described.keys.slice(0, 1) },
            { headers: { 'cache-control': value } },
          )
        },
      })
      const elapsed = startStopwatch()
      // Refreshed in the background after three quarters of the lifetime, and not before.
      const steps = [
        [0, 1],
        [Math.floor((lifetime ?? 60) * 0.75) - 1, 1],
        [(lifetime ?? 86_400) + 1, 2],
      ] as const
      for (const [after, expected] of steps) {
        now = NOW + after
        const outcome = await outcomeOf(api.validate(good))
        if (outcome instanceof AccessTokenError) throw outcome
        if (fetches !== expected) throw new Error(`${fetches} fetches after ${after} s`)
      }
      return elapsed() / steps.length
    })
    await watch.check()
  })
  return { property, inputs: () => inputs, summary: () => '', close: async () => watch.close() }
}

const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
const scope = printable.map((text) => text.replace(/[ "\\]/g, '!'))

export function createChallenges(): Property {
  let inputs = 0
  const input = fc.record({
    realm: printable,
    scopes: fc.array(scope, { minLength: 1, maxLength: 4 }),
    token: fc.constantFrom(undefined, good, 'x.y.z', 'a b'),
  })
  const property = fc.asyncProperty(input, async ({ realm, scopes, token }) => {
    inputs++
    const api = createValidator({
      issuer: { issuer: ISS, jwks: { keys: keySets.described.keys.slice(0, 1) } as { keys: [] } },
      audience: AUD,
      realm,
      requirement: { scopes: ['never-granted', ...scopes] },
      now: () => NOW * 1000,
    })
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const outcome = await outcomeOf(api.authenticate({ headers }))
    if (!(outcome instanceof AccessTokenError)) throw new Error('accepted')
    const [challenge] = [outcome.headers['WWW-Authenticate'] ?? []].flat().flatMap(parseChallenges)
    const sent = challenge?.parameters ?? {}
    const wanted = ['never-granted', ...new Set(scopes)].join(' ')
    if (sent.realm !== realm) throw new Error(`realm ${sent.realm}`)
    const named = outcome.status === 403 || outcome.code === 'missing_token'
    if (sent.scope !== (named ? wanted : undefined)) throw new Error(`scope ${sent.scope}`)
  })
  return { property, inputs: () => inputs, summary: () => '' }
}
