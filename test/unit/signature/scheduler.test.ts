import { describe, expect, it } from 'vitest'
import { createInPlaceBudget } from '../../../src/signature/in-place-budget.ts'

const nextTurn = () => new Promise(setImmediate)

describe('the budget of verifications in place', () => {
  it('allows 8 in one turn of the event loop, and 8 more in the next one', async () => {
    const { tryTake } = createInPlaceBudget()
    for (let turn = 0; turn < 3; turn++) {
      const taken = Array.from({ length: 10 }, () => tryTake())
      expect(taken).toEqual([...Array(8).fill(true), false, false])
      await nextTurn()
    }
  })

  it('allows one in each of many turns', async () => {
    const { tryTake } = createInPlaceBudget()
    for (let turn = 0; turn < 20; turn++) {
      expect(tryTake()).toBe(true)
      await nextTurn()
    }
  })

  it('counts microtasks as part of the same turn', async () => {
    const { tryTake } = createInPlaceBudget()
    const taken: boolean[] = []
    for (let count = 0; count < 10; count++) {
      taken.push(tryTake())
      await undefined
    }
    expect(taken.filter(Boolean)).toHaveLength(8)
  })

  it('allows none while the thread pool has any in progress', async () => {
    const { tryTake, begin, end } = createInPlaceBudget()
    begin()
    begin()
    expect(tryTake()).toBe(false)
    end()
    await nextTurn()
    expect(tryTake()).toBe(false)
    end()
    expect(tryTake()).toBe(true)
  })
})
