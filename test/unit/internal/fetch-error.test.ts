import { expect, it } from 'vitest'
import { isUnconnected } from '../../../src/internal/fetch-error.ts'

const coded = (code: unknown) =>
  new TypeError('x', { cause: Object.assign(new Error('y'), { code }) })
const unreadable = Object.defineProperty(new Error('x'), 'cause', {
  get() {
    throw new Error('from the getter')
  },
})

it.each([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])('calls a request unconnected because of %s', (code) => {
  expect(isUnconnected(coded(code))).toBe(true)
})

it.each([
  ['a reset', coded('ECONNRESET')],
  ['an error without a code', coded(undefined)],
  ['text', 'ECONNREFUSED'],
  ['an error whose cause cannot be read', unreadable],
])('does not call a request unconnected because of %s', (_, error) => {
  expect(isUnconnected(error)).toBe(false)
})
