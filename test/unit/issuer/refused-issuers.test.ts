import { describe, expect, it } from 'vitest'
import { createRefusedIssuers, isCurrent } from '../../../src/issuer/refused-issuers.ts'

const lifetime = { askedAt: 100, expiresAt: 160 }

describe('isCurrent', () => {
  it.each([
    [99.9, false],
    [100, true],
    [159.9, true],
    [160, false],
  ])('a result of second 100 that expires at 160 may be used at %d: %s', (time, expected) => {
    expect(isCurrent(lifetime, time)).toBe(expected)
  })
})

describe('the refused issuers', () => {
  it('have the error that was added last, until it expires or is deleted', () => {
    const refused = createRefusedIssuers()
    const [first, second] = [() => new Error('first'), () => new Error('second')]
    expect(refused.get('a', 100)).toBeUndefined()
    refused.add('a', { ...lifetime, createError: first })
    refused.add('a', { ...lifetime, createError: second })
    expect(refused.get('a', 159)).toBe(second)
    expect(refused.get('a', 160)).toBeUndefined()
    refused.delete('a')
    expect(refused.get('a', 159)).toBeUndefined()
  })

  it('are the newest 1,000', () => {
    const refused = createRefusedIssuers()
    const refusal = { ...lifetime, createError: () => new Error('refused') }
    const has = (index: number) => refused.get(`${index}`, 100) !== undefined
    for (let index = 0; index < 1_000; index++) refused.add(`${index}`, refusal)
    refused.add('0', refusal)
    expect([0, 1, 999].map(has)).toEqual([true, true, true])
    refused.add('1000', refusal)
    expect([0, 1, 2, 1_000].map(has)).toEqual([true, false, true, true])
  })
})
