/**
 * Issuers that a function finds, as a state machine: random sequences of answers, failures, removals,
 * floods and clock changes, compared with a model of the latest answer for each tenant.
 */
import fc from 'fast-check'
import { AccessTokenError, createValidator, type IssuerOptions } from 'oauth-resource-server'
import { expect, it } from 'vitest'
import { AUD, base64url, jwks, t0 } from '../support/fixture.ts'

const start = 1_800_000_000
const names = ['https://a.test', 'b']
const otherAudience = 'https://other.test'

type Mode = 'trusted' | 'other audience' | 'removed' | 'failing'
type Step =
  | {
      readonly type: 'token'
      readonly tenant: number
      /** What the function returns for the tenant from now on. */
      readonly mode: Mode
      /** Seconds that pass before the token is sent. */
      readonly wait: number
      readonly forged: boolean
    }
  | { readonly type: 'flood'; readonly trusted: boolean }
  | { readonly type: 'ready' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      type: fc.constant('token' as const),
      tenant: fc.nat({ max: names.length - 1 }),
      mode: fc.constantFrom<Mode>('trusted', 'other audience', 'removed', 'failing'),
      wait: fc.constantFrom(0, 0, 1, 59, 60, 599, 600, 1_140, -1, -600),
      forged: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('flood' as const), trusted: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.constant({ type: 'ready' as const }) },
)

interface Answer {
  readonly mode: Mode
  readonly askedAt: number
  readonly expiresAt: number
}

/** The documented behaviour for one tenant. */
function createModel() {
  let answer: Answer | undefined
  let refusal: Answer | undefined
  let verified = false
  let calls = 0

  const isCurrent = (kept: Answer | undefined, time: number): kept is Answer =>
    kept !== undefined && time >= kept.askedAt && time < kept.expiresAt

  function ask(mode: Mode, time: number): Mode {
    calls++
    if (mode === 'failing') {
      const age = answer === undefined ? -1 : time - answer.askedAt
      if (answer !== undefined && age >= 0 && age < 1_200) {
        answer = { ...answer, expiresAt: Math.min(time + 60, answer.askedAt + 1_200) }
        return answer.mode
      }
      refusal = { mode, askedAt: time, expiresAt: time + 1 }
      return mode
    }
    if (mode === 'removed') {
      answer = undefined
      verified = false
      refusal = { mode, askedAt: time, expiresAt: time + 60 }
      return mode
    }
    answer = { mode, askedAt: time, expiresAt: time + 600 }
    refusal = undefined
    return mode
  }

  function outcomeOf(mode: Mode, forged: boolean): string {
    if (mode === 'removed') return 'wrong_issuer'
    if (mode === 'failing') return 'service_unavailable'
    if (mode === 'other audience') return 'wrong_audience'
    if (forged) return 'bad_signature'
    verified = true
    return 'accepted'
  }

  return {
    calls: () => calls,
    token(mode: Mode, forged: boolean, time: number): string {
      const kept = isCurrent(answer, time) ? answer : isCurrent(refusal, time) ? refusal : undefined
      return outcomeOf(kept?.mode ?? ask(mode, time), forged)
    },
    /** A flood of trusted or of untrusted issuers. */
    flood(trusted: boolean) {
      if (!trusted) refusal = undefined
      else if (!verified) answer = undefined
    },
    isReady: (time: number) => verified && isCurrent(answer, time),
  }
}

const unsigned = (iss: string) =>
  [{ alg: 'RS256' }, { iss }, 'x'].map((part) => base64url(JSON.stringify(part))).join('.')

const lifetime = { iat: start - 100_000, exp: start + 100_000 }
const goodTokens = names.map((iss) => t0({ iss, ...lifetime }))
const forgedTokens = goodTokens.map(
  (token) => `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(342)}`,
)

function createSystem() {
  const clock = { seconds: start }
  const modes: Mode[] = names.map(() => 'trusted')
  const calls = names.map(() => 0)
  const fetched: string[] = []
  let floods = 0
  const validator = createValidator({
    issuer: (issuer): IssuerOptions | undefined => {
      const index = names.indexOf(issuer)
      if (index < 0) return issuer.startsWith('trusted') ? { issuer, jwks } : undefined
      calls[index] = (calls[index] as number) + 1
      const mode = modes[index]
      if (mode === 'failing') throw new Error('the database is down')
      if (mode === 'removed') return undefined
      const audience = mode === 'trusted' ? AUD : otherAudience
      return { issuer, audience, jwksUri: `https://keys.test/${index}` }
    },
    audience: AUD,
    profile: 'rfc9068',
    now: () => clock.seconds * 1000,
    keys: { maxAge: 1, staleIfError: 0 },
    fetch: async (url) => {
      fetched.push(url)
      return Response.json(jwks)
    },
  })
  const outcome = (token: string) =>
    validator.validate(token).then(
      () => 'accepted',
      (error) => {
        if (!(error instanceof AccessTokenError)) throw error
        return 'reason' in error ? error.reason : error.code
      },
    )
  async function flood(trusted: boolean) {
    floods++
    const prefix = `${trusted ? 'trusted' : 'unknown'}-${floods}-`
    for (let done = 0; done < 1_000; done += 50) {
      const tokens = Array.from({ length: 50 }, (_, index) => unsigned(`${prefix}${done + index}`))
      await Promise.all(tokens.map(outcome))
    }
  }
  return { clock, modes, calls, fetched, validator, outcome, flood }
}

it('the issuers that a function finds behave like the model, in any order of events', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      const system = createSystem()
      const models = names.map(createModel)
      let latest = start
      for (const current of steps) {
        if (current.type === 'flood') {
          await system.flood(current.trusted)
          for (const model of models) model.flood(current.trusted)
        }
        if (current.type === 'token') {
          const { tenant, mode, wait, forged } = current
          system.modes[tenant] = mode
          system.clock.seconds += wait
          const token = (forged ? forgedTokens : goodTokens)[tenant] as string
          const expected = models[tenant]?.token(mode, forged, system.clock.seconds)
          expect(await system.outcome(token)).toBe(expected)
        }
        if (current.type === 'ready') {
          // The keys are older than their maxAge then, so that ready() fetches those that it covers:
          // later than ever before, because the clock may have been set back since the last fetch.
          system.clock.seconds = Math.max(latest, system.clock.seconds) + 2
          system.fetched.length = 0
          await system.validator.ready()
          const covered = names.flatMap((_, index) =>
            models[index]?.isReady(system.clock.seconds) ? [`https://keys.test/${index}`] : [],
          )
          expect([...system.fetched].sort()).toEqual(covered)
        }
        latest = Math.max(latest, system.clock.seconds)
        expect(system.calls).toEqual(models.map((model) => model.calls()))
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 5_000, markInterruptAsFailure: false },
  )
}, 30_000)
