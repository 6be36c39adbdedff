/** Values that the application's code may throw. None of them may be taken for success or a signal. */
import { InvalidTokenError } from 'oauth-resource-server'

function hostile(name: string): object {
  return Object.defineProperty({}, name, {
    get() {
      throw new RangeError(`${name} cannot be read`)
    },
  })
}

const refuse = () => {
  throw new RangeError('a trap ran')
}

export const hostileValues: readonly (readonly [name: string, value: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['0', 0],
  ["''", ''],
  ["'route'", 'route'],
  ["'router'", 'router'],
  ['a plain object', { status: 200 }],
  ['an object whose message throws', hostile('message')],
  ['an object whose toString throws', hostile('toString')],
  ['an object whose then throws', hostile('then')],
  ['an Error whose message throws', Object.defineProperty(new Error(), 'message', { get: refuse })],
  [
    'a Proxy whose traps throw',
    new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse }),
  ],
  ['a refusal', new InvalidTokenError('expired')],
]
