/**
 * Caching verified tokens does not change results, and no token stays in memory.
 */
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createValidator } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { createBuildFolder } from '../support/build-folder.ts'
import { AUD, claimsT0, ec1, ISS, makeKey, signParts, t0 } from '../support/fixture.ts'

const start = 1_800_000_000
const keys = [ec1, makeKey('ES256', 'ec2'), makeKey('ES256', 'ec3')]

/** Tokens that differ in key, age, scope and lifetime. */
const tokens = keys.flatMap((key) =>
  [
    { exp: start + 200, scope: 'read:a' },
    { exp: start + 5_000, scope: 'read:a write:a' },
    { exp: start + 500_000, nbf: start + 900 },
    { exp: start + 500_000, aud: 'https://other.test' },
  ].map((claims) => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: key.jwk.kid }
    const payload = claimsT0({ iat: start, ...claims })
    return signParts(JSON.stringify(header), JSON.stringify(payload), key)
  }),
)

type Step =
  | { readonly do: 'request'; readonly token: number; readonly scoped: boolean }
  | { readonly do: 'publish'; readonly keys: readonly number[] }
  | { readonly do: 'network'; readonly up: boolean }
  | { readonly do: 'wait'; readonly seconds: number }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('request' as const),
        token: fc.nat(tokens.length - 1),
        scoped: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('publish' as const), keys: fc.subarray([0, 1, 2]) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('network' as const), up: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        seconds: fc.oneof(fc.nat(400), fc.constantFrom(-300, 601, 4_000, 90_000)),
      }),
    },
  ),
  { minLength: 5, maxLength: 60 },
)

/** Runs the steps with one validator and records every result. */
async function answers(script: readonly Step[], tokenCache: { maxEntries: number } | false) {
  let time = start
  let up = true
  let published = [0]
  const { validate } = createValidator({
    issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
    audience: AUD,
    tokenCache,
    now: () => time * 1000,
    fetch: async () => {
      if (!up) throw new Error('down')
      return Response.json({ keys: published.map((index) => keys[index]?.jwk) })
    },
  })
  const noted: string[] = []
  for (const step of script) {
    if (step.do === 'wait') time += step.seconds
    else if (step.do === 'network') up = step.up
    else if (step.do === 'publish') published = [...step.keys]
    else {
      const requirement = step.scoped ? { scopes: 'write:a' } : undefined
      const outcome = await validate(tokens[step.token] as string, requirement).then(
        ({ claims, scopes }) => JSON.stringify([claims, scopes]),
        (error) => `${error.code} ${error.reason ?? ''}`,
      )
      noted.push(outcome)
      // Background work ends before the next step, in both validators.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return noted
}

describe('cached tokens', () => {
  it.each([1, 3, 100])(
    'have the same result as new ones, for any change of keys, network and time (%i cached)',
    async (maxEntries) => {
      const seen = new Set<string>()
      await fc.assert(
        fc.asyncProperty(steps, async (script) => {
          const without = await answers(script, false)
          expect(await answers(script, { maxEntries })).toEqual(without)
          for (const answer of without) seen.add(answer.split(' ', 2).join(' ').slice(0, 30))
        }),
        { numRuns: 120, seed: 20 },
      )
      // The property is worth something only if all of this came up.
      expect([...seen].join()).toMatch(/expired/)
      expect([...seen].join()).toMatch(/unknown_key/)
      expect([...seen].join()).toMatch(/service_unavailable/)
      expect([...seen].join()).toMatch(/insufficient_scope/)
      expect([...seen].join()).toMatch(/"iss"/)
    },
    30_000,
  )

  it('leave no raw token in the heap after their requests have ended', () => {
    const folder = createBuildFolder('cached-tokens-')
    try {
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
      execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', folder])
      const token = t0({ marker: 'kept, as every claim is' }, {}, ec1)
      const signature = token.slice(token.lastIndexOf('.') + 1)
      // The needles are split, because the text of the script is in the heap as well.
      const script = `
        import { getHeapSnapshot } from 'node:v8'
        import { createValidator } from './index.js'
        const issuer = { issuer: ${JSON.stringify(ISS)}, jwks: ${JSON.stringify({ keys: [ec1.jwk] })} }
        const validator = createValidator({ issuer, audience: ${JSON.stringify(AUD)} })
        async function requests() {
          const bytes = []
          for await (const chunk of process.stdin) bytes.push(chunk)
          for (let turn = 0; turn < 3; turn++) {
            await validator.validate(Buffer.concat(bytes).latin1Slice())
          }
        }
        await requests()
        for (let turn = 0; turn < 5; turn++) {
          await new Promise(setImmediate)
          gc()
        }
        let heap = ''
        for await (const chunk of getHeapSnapshot()) heap += chunk
        const holds = (one, other) => heap.includes(one + other)
        console.log(holds('${signature.slice(0, 20)}', '${signature.slice(20)}'))
        console.log(holds('kept, as eve', 'ry claim is'))`
      writeFileSync(join(folder, 'script.js'), script)
      const output = execFileSync(process.execPath, ['--expose-gc', join(folder, 'script.js')], {
        input: token,
        encoding: 'utf8',
      })
      expect(output.split('\n')).toEqual(['false', 'true', ''])
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 30_000)
})
