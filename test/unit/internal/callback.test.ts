import { runInNewContext } from 'node:vm'
import { InvalidTokenError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import {
  callbackError,
  ignoreRejection,
  messageOf,
  toError,
} from '../../../src/internal/callback.ts'
import { hostileValues } from '../../support/hostile-values.ts'
import { processFailures } from '../../support/process-failures.ts'

describe('callbackError', () => {
  it.each(hostileValues)('wraps %s without reading it', (_name, value) => {
    const error = callbackError('check', value)
    expect(error.message).toBe('The callback check failed')
    expect(Object.hasOwn(error, 'cause')).toBe(true)
    expect(Object.is(error.cause, value)).toBe(true)
    expect(error.name).toBe('Error')
  })
})

describe('toError', () => {
  it('returns an Error unchanged, even of another realm', () => {
    const errors = [
      new RangeError('x'),
      new InvalidTokenError('expired'),
      runInNewContext('Error()'),
    ]
    for (const error of errors) expect(toError(error)).toBe(error)
  })

  it('wraps any other value', () => {
    const values = [undefined, null, false, 0, '', 'route', {}, Object.create(Error.prototype)]
    for (const value of [...values, new Proxy(new Error(), {})]) {
      const error = toError(value)
      expect(error.message).toBe('Something that is not an Error was thrown')
      expect(Object.is(error.cause, value)).toBe(true)
    }
  })
})

describe('messageOf', () => {
  it.each(hostileValues)('returns a string for %s', (_name, value) => {
    expect(messageOf(value)).toEqual(expect.any(String))
  })

  it('returns the message, or why there is none', () => {
    const unreadable = Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('from the getter')
      },
    })
    expect(messageOf(new Error('why'))).toBe('why')
    expect(messageOf({ message: 'why' })).toBe('not an Error')
    expect(messageOf(unreadable)).toBe('an unreadable message')
  })
})

describe('ignoreRejection', () => {
  it.each(hostileValues)('leaves no unhandled rejection with %s', async (_name, value) => {
    const run = async () => {
      ignoreRejection(Promise.reject(value))
      ignoreRejection(value)
    }
    expect(await processFailures(run)).toEqual([])
  })
})
