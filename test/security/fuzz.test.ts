/**
 * Hostile input. The suite runs a small number of inputs from a fixed seed. `npm run fuzz -- --seconds 600`
 * runs for the given time from a seed of the day, and measures durations too.
 */

import { AccessTokenError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { createApi, createDifferential, ruleSets } from './fuzz/differential.ts'
import { createDocuments } from './fuzz/documents.ts'
import { createDpopDifferential } from './fuzz/dpop.ts'
import { createCacheControl, createChallenges } from './fuzz/headers.ts'
import { createInput, type Mutation } from './fuzz/inputs.ts'
import { createIssuers } from './fuzz/issuers.ts'
import { explain, type Rules, stricter, verifyIndependently } from './fuzz/oracle.ts'
import { createRequests, createSocketRequests } from './fuzz/requests.ts'
import { type MakeProperty, run } from './fuzz/run.ts'

const seconds = Number(process.env.FUZZ_SECONDS ?? 0)
const seed = Number(process.env.FUZZ_SEED ?? 5)

/** The number of runs in the suite, and the share of the time in `npm run fuzz`. */
const properties: [title: string, make: MakeProperty, runs: number, share: number][] = [
  ['tokens and key sets have the result of an independent validator', createDifferential, 45, 0.25],
  ['DPoP proofs get the result of an independent verifier', createDpopDifferential, 45, 0.1],
  ['any Authorization has a well-formed result', createRequests, 300, 0.12],
  ['any Authorization over a socket gets a well-formed response', createSocketRequests, 100, 0.12],
  ['any key set and metadata lead to a result, and to recovery', createDocuments, 100, 0.18],
  ['any Cache-Control leads to a limited lifetime of keys', createCacheControl, 60, 0.05],
  ['issuers and keys in any order of events get the result of the oracle', createIssuers, 30, 0.15],
  ['challenges contain any realm and any scopes', createChallenges, 100, 0.03],
]

describe('against hostile input', () => {
  it.each(properties)(
    '%s',
    { timeout: (seconds + 120) * 1000 },
    async (title, make, runs, share) => {
      const report = await run(title, make, { seed, batch: runs, seconds: seconds * share })
      if (seconds > 0) console.log(report)
      expect(report).toMatch(/: \d+ inputs/)
    },
  )
})

/** For each stricter rule, a token or a key that jose accepts and this package does not. */
const examples: Readonly<Record<string, Mutation | readonly Mutation[]>> = {
  'canonical base64url': { at: 'segment', how: 'a line end', n: 2 },
  'no byte order mark': { at: 'claims text', how: 'a byte order mark', n: 0 },
  'no critical extension': { at: 'header text', how: 'a member in front', n: 10 },
  'b64 is true or absent': { at: 'header', name: 'b64', value: false },
  'dates are finite': { at: 'claims text', how: 'a member at the end', n: 3 },
  'identifiers are not empty': { at: 'claims', name: 'sub', value: '' },
  'bounded length': { at: 'claims text', how: 'long', n: 9_000 },
  'at most 100 keys': { at: 'key set', how: 'full', n: 5, odd: null },
  'at most 10 candidates': { at: 'key set', how: 'crowded', n: 3, odd: null },
  'no private key': { at: 'key', which: 0, name: 'k', value: 'AQAB' },
  'the kid of a key is a string': [
    { at: 'header', name: 'kid', value: undefined },
    { at: 'key', which: 0, name: 'kid', value: 1 },
  ],
  'canonical key material': { at: 'spelling of a key', name: 'x', how: 'a line end', n: 0 },
  'coordinates have the length of their field': {
    at: 'spelling of a key',
    name: 'x',
    how: 'a leading zero',
    n: 0,
  },
  'at most 16 operations': {
    at: 'key',
    which: 0,
    name: 'key_ops',
    value: ['verify', ...'abcdefghijklmnop'],
  },
  'a usual RSA exponent': [
    { at: 'key', which: 0, name: 'e', value: 'AQ' },
    { at: 'signature', how: 'for the exponent 1', n: 0 },
  ],
}

describe('rules that are stricter than those of jose', () => {
  it.each(stricter)('$name: $why', async ({ name }) => {
    const mutations = [examples[name] ?? []].flat()
    const recipe = { signer: name.includes('RSA') ? 2 : 0, keySet: 'described', mutations } as const
    const input = createInput(recipe)
    const rules = ruleSets[0] as Rules
    const found = await createApi(input, { recipe, rules: 0, route: 'fetched' })
    const result = await found?.validator.validate(input.token).catch((error: unknown) => error)
    expect(result).toBeInstanceOf(AccessTokenError)
    const independent = { token: input.token, keys: found?.inUse() ?? [], rules }
    const expected = await verifyIndependently(independent)
    if (typeof expected === 'string') return expect.fail(`jose refuses it too: ${expected}`)
    expect(await explain(independent, expected)).toContain(name)
  })
})
