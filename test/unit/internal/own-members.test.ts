import { expect, it } from 'vitest'
import { copyOwnMembers } from '../../../src/internal/own-members.ts'

it('copies the own members into an object without a prototype', () => {
  const value = Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })
  const copy = copyOwnMembers(value)
  expect(Object.entries(copy)).toEqual([['own', 2]])
  expect(Object.getPrototypeOf(copy)).toBeNull()
  expect(copy.inherited).toBeUndefined()
})

it('copies a member named __proto__ like any other', () => {
  const copy = copyOwnMembers(JSON.parse('{"__proto__":{"kty":"RSA"}}'))
  expect(Object.keys(copy)).toEqual(['__proto__'])
  expect(copy.kty).toBeUndefined()
})
