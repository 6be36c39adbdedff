import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { freezeDeep } from '../../../src/internal/deep-freeze.ts'

/** Returns every object in a JSON value, including the value itself, without recursion. */
function objectsIn(value: unknown): object[] {
  const found: object[] = []
  const open = [value]
  while (open.length > 0) {
    const item = open.pop()
    if (typeof item !== 'object' || item === null) continue
    found.push(item)
    open.push(...Object.values(item))
  }
  return found
}

const jsonObject = fc
  .jsonValue({ maxDepth: 6 })
  .filter((value) => typeof value === 'object' && value !== null)
  .map((value) => value as object)

it('freezes every object and array in a JSON value, and returns the value', () => {
  fc.assert(
    fc.property(jsonObject, (value) => {
      expect(freezeDeep(value)).toBe(value)
      expect(objectsIn(value).filter((object) => !Object.isFrozen(object))).toEqual([])
    }),
  )
})

it('freezes the members after null, false, 0 and the empty string', () => {
  const value = {
    first: {},
    a: null,
    b: false,
    c: 0,
    d: '',
    e: undefined,
    f: { g: [null, {}, 0, []] },
    h: {},
  }
  freezeDeep(value)
  expect(objectsIn(value)).toHaveLength(7)
  expect(objectsIn(value).every(Object.isFrozen)).toBe(true)
})

it('freezes a member named __proto__, but not the prototype', () => {
  const value = JSON.parse('{"__proto__":{"a":{}}}')
  freezeDeep(value)
  expect(objectsIn(value)).toHaveLength(3)
  expect(objectsIn(value).every(Object.isFrozen)).toBe(true)
  expect(Object.isFrozen(Object.prototype)).toBe(false)
})

it('does not freeze properties of Object.prototype', () => {
  const get = vi.fn(() => added)
  const added = { deep: {} }
  const value = { a: { b: 1 } }
  Object.defineProperty(Object.prototype, 'added', { get, enumerable: true, configurable: true })
  try {
    freezeDeep(value)
  } finally {
    Reflect.deleteProperty(Object.prototype, 'added')
  }
  expect(get).not.toHaveBeenCalled()
  expect([value, value.a].every(Object.isFrozen)).toBe(true)
  expect([added, added.deep].some(Object.isFrozen)).toBe(false)
})

it('freezes 100,000 levels and 100,000 members', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  expect(objectsIn(freezeDeep(deep)).filter((object) => !Object.isFrozen(object))).toEqual([])
  const wide = Array.from({ length: 100_000 }, () => ({}))
  expect(freezeDeep(wide).every(Object.isFrozen)).toBe(true)
})
