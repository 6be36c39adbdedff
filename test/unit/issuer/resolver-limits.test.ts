/** The limits of a function that finds the issuers: lookups in progress, failures, a clock that is set back. */
import type { IssuerOptions, IssuerResolver, ValidatorOptions } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { createApi } from '../../support/checked-validator.ts'
import { ISS, jwks, t0 } from '../../support/fixture.ts'

const start = 1_800_000_000

function createDynamicApi(answer: IssuerResolver, options: Partial<ValidatorOptions> = {}) {
  const clock = { seconds: start }
  const asked: string[] = []
  const issuer: IssuerResolver = (iss) => {
    asked.push(iss)
    return answer(iss)
  }
  const api = createApi({ issuer, now: () => clock.seconds * 1000, ...options })
  return { ...api, clock, asked }
}

const by = (iss: string) => t0({ iss, iat: start - 1_000, exp: start + 1e6 })
const trusting = (iss: string): IssuerOptions => ({ issuer: iss, jwks })
const madeUp = (count: number) =>
  Array.from({ length: count }, (_, index) => `https://x${index}.test`)
const outcomeOf = (outcome: Promise<unknown>) =>
  outcome.then(
    () => 'accepted',
    (error) => error.reason ?? error.service,
  )
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await undefined
}

describe('the limit of issuers that are looked up', () => {
  it('8725-3.8-e is 100 without a verified token; lookups of the others do not count', async () => {
    const never = new Promise<undefined>(() => {})
    const { validator, clock, asked, accepts, events } = createDynamicApi((iss) =>
      iss === ISS ? trusting(iss) : never,
    )
    for (let lookup = 0; lookup < 5; lookup++) {
      await accepts(by(ISS))
      clock.seconds += 600
    }
    expect(asked).toEqual(Array(5).fill(ISS))
    for (const iss of madeUp(100)) void validator.validate(by(iss))
    await turns(5)
    expect(asked).toHaveLength(105)
    events.length = 0
    await expect(validator.validate(by('https://one-more.test'))).rejects.toMatchObject({
      service: 'issuer_resolver',
      retryAfter: 1,
      detail: { hint: 'too many issuers are being looked up' },
    })
    expect(events[0]).toEqual({ type: 'issuers.rate_limited', limit: 'resolver_calls' })
    expect(asked).toHaveLength(105)
  })

  it('8725-3.8-e applies again after the lookups have ended', async () => {
    let end = () => {}
    const { validator, asked } = createDynamicApi(
      () => new Promise((resolve) => (end = () => resolve(undefined))),
    )
    for (const iss of madeUp(3)) {
      const outcome = outcomeOf(validator.validate(by(iss)))
      await turns(5)
      end()
      expect(await outcome).toBe('wrong_issuer')
    }
    const more = madeUp(104).slice(3)
    const outcomes = more.map((iss) => outcomeOf(validator.validate(by(iss))))
    expect(await outcomes[100]).toBe('issuer_resolver')
    expect(asked).toHaveLength(103)
  })
})

it('8725-3.8-e the keys of at most 50 issuers without a verified token are fetched at a time', async () => {
  const { validator, events } = createDynamicApi((issuer) => ({ issuer }), {
    fetch: () => new Promise(() => {}),
  })
  for (const iss of madeUp(50)) void validator.validate(by(iss)).catch(() => undefined)
  await turns(20)
  expect(events).toEqual([])
  expect(await outcomeOf(validator.validate(by(ISS)))).toBe('keys')
  expect(events[0]).toEqual({ type: 'issuers.rate_limited', limit: 'fetches_in_flight' })
})

describe('a function that fails', () => {
  it('8725-3.8-e leaves the previous answer in use for a token that is not cached', async () => {
    let next: IssuerResolver = trusting
    const { accepts, clock, asked } = createDynamicApi((iss) => next(iss))
    await accepts(by(ISS))
    next = () => Promise.reject(new Error('down'))
    clock.seconds += 600
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
  })
})

describe('a clock that is set back', () => {
  it('8725-3.8-e leads to a new lookup, because the age of the answer is unknown', async () => {
    const { accepts, clock, asked } = createDynamicApi(trusting)
    await accepts(by(ISS))
    clock.seconds = start - 1
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
  })

  it.each([
    { back: 0, outcome: 'accepted' },
    { back: 1, outcome: 'issuer_resolver' },
  ])(
    '8725-3.8-e to $back s before the previous answer, while the function fails: $outcome',
    async ({ back, outcome }) => {
      let next: IssuerResolver = trusting
      const { validator, accepts, clock } = createDynamicApi((iss) => next(iss))
      await accepts(by(ISS))
      clock.seconds += 600
      next = () => {
        clock.seconds = start - back
        throw new Error('down')
      }
      expect(await outcomeOf(validator.validate(by(ISS)))).toBe(outcome)
    },
  )
})
