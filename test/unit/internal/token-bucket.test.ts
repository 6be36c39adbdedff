import { expect, it } from 'vitest'
import { createTokenBucket } from '../../../src/internal/token-bucket.ts'

function createBucket() {
  let time = 1_000
  const bucket = createTokenBucket({ capacity: 3, perSecond: 2 }, () => time)
  return {
    ...bucket,
    pass: (seconds: number) => {
      time += seconds
    },
    /** Returns how many units can be taken. */
    drain() {
      let count = 0
      while (bucket.tryTake()) count++
      return count
    },
  }
}

it('holds its capacity at first, and is empty afterwards', () => {
  const bucket = createBucket()
  expect(bucket.isEmpty()).toBe(false)
  expect(bucket.drain()).toBe(3)
  expect(bucket.isEmpty()).toBe(true)
})

it('is not empty while one unit is left', () => {
  const bucket = createBucket()
  bucket.take()
  bucket.take()
  expect(bucket.isEmpty()).toBe(false)
  bucket.take()
  expect(bucket.isEmpty()).toBe(true)
})

it('is refilled at its rate, up to its capacity', () => {
  const bucket = createBucket()
  bucket.drain()
  bucket.pass(0.4)
  expect(bucket.drain()).toBe(0)
  bucket.pass(0.7)
  expect(bucket.drain()).toBe(2)
  bucket.pass(1_000)
  expect(bucket.drain()).toBe(3)
})

it('gets back a unit, but no more than its capacity', () => {
  const bucket = createBucket()
  bucket.putBack()
  expect(bucket.drain()).toBe(3)
  bucket.putBack()
  expect(bucket.drain()).toBe(1)
})

it('refills first the units that were taken while it was empty', () => {
  const bucket = createBucket()
  for (let count = 0; count < 5; count++) bucket.take()
  bucket.pass(1)
  expect(bucket.drain()).toBe(0)
  bucket.pass(1)
  expect(bucket.drain()).toBe(2)
})

it('gets nothing from a clock that is set back', () => {
  const bucket = createBucket()
  bucket.drain()
  bucket.pass(-10)
  expect(bucket.isEmpty()).toBe(true)
  bucket.pass(1)
  expect(bucket.drain()).toBe(2)
})
