import { describe, expect, it } from 'vitest'
import { createScheduler } from '../../../src/signature/scheduler.ts'

const nextTurn = () => new Promise(setImmediate)

describe('verifications in place', () => {
  it('are allowed 8 times in one turn of the event loop, and 8 more in the next one', async () => {
    const { tryTakeInPlace } = createScheduler()
    for (let turn = 0; turn < 3; turn++) {
      const taken = Array.from({ length: 10 }, () => tryTakeInPlace())
      expect(taken).toEqual([...Array(8).fill(true), false, false])
      await nextTurn()
    }
  })

  it('are allowed once in each of many turns', async () => {
    const { tryTakeInPlace } = createScheduler()
    for (let turn = 0; turn < 20; turn++) {
      expect(tryTakeInPlace()).toBe(true)
      await nextTurn()
    }
  })

  it('are counted across the microtasks of one turn', async () => {
    const { tryTakeInPlace } = createScheduler()
    const taken: boolean[] = []
    for (let count = 0; count < 10; count++) {
      taken.push(tryTakeInPlace())
      await undefined
    }
    expect(taken.filter(Boolean)).toHaveLength(8)
  })

  it('are not allowed while the thread pool has any in progress', async () => {
    const { tryTakeInPlace, begin, end } = createScheduler()
    begin(() => {})
    begin(() => {})
    expect(tryTakeInPlace()).toBe(false)
    end()
    await nextTurn()
    expect(tryTakeInPlace()).toBe(false)
    end()
    expect(tryTakeInPlace()).toBe(true)
  })
})

it('a verification whose start throws does not count as in progress', () => {
  const { tryTakeInPlace, begin } = createScheduler()
  const start = () => {
    throw new RangeError('Maximum call stack size exceeded')
  }
  expect(() => begin(start)).toThrow(RangeError)
  expect(tryTakeInPlace()).toBe(true)
})

describe('verifications on the thread pool', () => {
  /** A scheduler, and the verifications that it has started, in order. */
  function createRecorded() {
    const scheduler = createScheduler()
    const started: number[] = []
    let begun = 0
    const begin = (count: number) => {
      for (let index = 0; index < count; index++) {
        const number = ++begun
        scheduler.begin(() => started.push(number))
      }
    }
    return { begin, end: scheduler.end, started }
  }

  it('start immediately if none is running', () => {
    const { begin, end, started } = createRecorded()
    begin(1)
    expect(started).toEqual([1])
    end()
    begin(1)
    expect(started).toEqual([1, 2])
  })

  it('start together at the end of the turn if one is running', async () => {
    const { begin, started } = createRecorded()
    begin(3)
    await undefined
    begin(1)
    expect(started).toEqual([1])
    await nextTurn()
    expect(started).toEqual([1, 2, 3, 4])
  })

  it('start in each of several turns', async () => {
    const { begin, started } = createRecorded()
    for (let turn = 1; turn <= 5; turn++) {
      begin(2)
      await nextTurn()
      expect(started).toHaveLength(2 * turn)
    }
  })

  it('start in the same turn when 16 are collected, but not in the stack of the last one', async () => {
    const { begin, started } = createRecorded()
    begin(1)
    begin(15)
    await undefined
    expect(started).toHaveLength(1)
    begin(1)
    expect(started).toHaveLength(1)
    await undefined
    expect(started).toHaveLength(17)
    begin(3)
    await nextTurn()
    expect(started).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })

  it('start when the last running one ends, in the same turn', () => {
    const { begin, end, started } = createRecorded()
    begin(4)
    end()
    expect(started).toEqual([1, 2, 3, 4])
    begin(1)
    end()
    end()
    expect(started).toHaveLength(4)
    end()
    expect(started).toHaveLength(5)
  })

  it('start although the previous ones ended while they started', () => {
    const { begin, end } = createScheduler()
    const started: number[] = []
    for (const number of [1, 2, 3]) {
      begin(() => {
        started.push(number)
        end()
      })
    }
    expect(started).toEqual([1, 2, 3])
  })
})
