import { describe, expect, it } from 'vitest'
import { readTimeClaims, validateTime } from '../../../src/token/time.ts'
import { failureOf } from '../../support/failure-of.ts'

const noTolerance = { clockTolerance: 0, maxTokenAge: undefined }

describe('times', () => {
  const now = 1_000_000
  const failureFor = (
    claims: object,
    rules: { clockTolerance?: number; maxTokenAge?: number } = {},
  ) =>
    failureOf(() =>
      validateTime(
        readTimeClaims({ exp: now + 1, ...claims }),
        { clockTolerance: 0, maxTokenAge: undefined, ...rules },
        now,
      ),
    )

  it.each<[object, object, string | undefined]>([
    [{}, {}, undefined],
    [{ exp: undefined }, {}, 'missing_claim'],
    [{ exp: now }, {}, 'expired'],
    [{ exp: now + 0.0001 }, {}, undefined],
    [{ exp: now - 9 }, { clockTolerance: 10 }, undefined],
    [{ exp: now - 10 }, { clockTolerance: 10 }, 'expired'],
    [{ exp: Number.NaN }, {}, 'invalid_claim'],
    [{ exp: Number.POSITIVE_INFINITY }, {}, 'invalid_claim'],
    [{ exp: '9' }, {}, 'invalid_claim'],
    [{ nbf: now }, {}, undefined],
    [{ nbf: now + 0.0001 }, {}, 'not_yet_valid'],
    [{ nbf: now + 10 }, { clockTolerance: 10 }, undefined],
    [{ nbf: Number.NEGATIVE_INFINITY }, {}, 'invalid_claim'],
    [{ iat: now + 60 }, {}, undefined],
    [{ iat: now + 61 }, {}, 'issued_in_future'],
    [{ iat: now + 90 }, { clockTolerance: 90 }, undefined],
    [{ iat: now + 91 }, { clockTolerance: 90 }, 'issued_in_future'],
    [{ iat: null }, {}, 'invalid_claim'],
    [{ iat: 0 }, {}, undefined],
    [{ iat: now - 99 }, { maxTokenAge: 100 }, undefined],
    [{ iat: now - 100 }, { maxTokenAge: 100 }, 'too_old'],
    [{ iat: now - 109 }, { maxTokenAge: 100, clockTolerance: 10 }, undefined],
    [{ iat: now - 110 }, { maxTokenAge: 100, clockTolerance: 10 }, 'too_old'],
    [{}, { maxTokenAge: 100 }, 'missing_claim'],
  ])('%j under %j: %s', (claims, rules, reason) => {
    expect(failureFor(claims, rules)?.reason).toBe(reason)
  })

  it('are reported with the limit and the value', () => {
    const expired = {
      reason: 'expired',
      name: 'exp',
      expected: `later than ${now - 5}`,
      actual: '0',
    }
    expect(failureFor({ exp: 0 }, { clockTolerance: 5 })).toEqual(expired)
    expect(failureFor({ nbf: now + 9 }, { clockTolerance: 5 })).toMatchObject({
      name: 'nbf',
      expected: `not later than ${now + 5}`,
      actual: `${now + 9}`,
    })
    expect(failureFor({ iat: 1 }, { maxTokenAge: 10 })).toEqual({
      reason: 'too_old',
      name: 'iat',
      expected: `later than ${now - 10}`,
      actual: '1',
    })
    expect(failureFor({ iat: now + 61 })).toEqual({
      reason: 'issued_in_future',
      name: 'iat',
      expected: `not later than ${now + 60}`,
      actual: `${now + 61}`,
    })
    expect(failureFor({}, { maxTokenAge: 10 })).toStrictEqual({
      reason: 'missing_claim',
      name: 'iat',
    })
    expect(failureFor({ iat: '2020-01-01' })).toMatchObject({
      name: 'iat',
      expected: 'a finite number of seconds',
      actual: '2020-01-01',
    })
  })

  it('have a hint for a string, and for no other type', () => {
    expect(failureFor({ exp: '9' })?.hint).toBe('exp is a string: the issuer must send a number')
    expect(failureFor({ exp: true })).not.toHaveProperty('hint')
    expect(failureFor({ exp: null })).not.toHaveProperty('hint')
  })

  describe('that are too late', () => {
    const failureAt = (clock: number, nbf: number) =>
      failureOf(() => validateTime({ exp: 9e15, nbf, iat: undefined }, noTolerance, clock))
    const milliseconds = 'nbf seems to be in milliseconds: the issuer must send seconds'
    const seconds = 'the clock shows a time before 2001: the option now must return milliseconds'

    it.each([
      { nbf: 1e11, clock: 2e9, hint: milliseconds },
      { nbf: 1e11 - 1, clock: 2e9, hint: undefined },
      { nbf: 1e9, clock: 1e9 - 1, hint: seconds },
      { nbf: 1e9 + 1, clock: 1e9, hint: undefined },
      { nbf: 1e9 - 1, clock: 1e9 - 2, hint: undefined },
    ])('have the hint for a wrong unit if they show one: $nbf at $clock', (row) => {
      expect(failureAt(row.clock, row.nbf)).toStrictEqual({
        reason: 'not_yet_valid',
        name: 'nbf',
        expected: `not later than ${row.clock}`,
        actual: String(row.nbf),
        ...(row.hint !== undefined && { hint: row.hint }),
      })
    })
  })

  it.each([Number.NaN, undefined])('never pass by a clock that shows %s', (broken) => {
    const rules = { clockTolerance: 5, maxTokenAge: undefined }
    expect(
      failureOf(() => validateTime(readTimeClaims({ exp: 9e9 }), rules, broken as number))?.reason,
    ).toBe('expired')
  })

  it('that are inherited are ignored', () => {
    expect(failureOf(() => readTimeClaims(Object.create({ exp: 9e9 })))?.reason).toBe(
      'missing_claim',
    )
  })
})
