import type { ValidatorEvent } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import { subscribeToEvents, warningsOf } from '../../support/event-listeners.ts'

const event: ValidatorEvent = { type: 'token.missing' }

describe('an observer', () => {
  it('does nothing without a listener', () => {
    const observer = createObserver()
    expect(observer.listening()).toBe(false)
    observer.emit(event)
  })

  it('passes the same object to onEvent and to the diagnostics channel', () => {
    const reported: unknown[] = []
    const observer = createObserver((item) => reported.push(item))
    observer.emit(event)
    const { published } = subscribeToEvents()
    observer.emit(event)
    expect(reported).toEqual([event, event])
    expect(published).toHaveLength(1)
    expect(published[0]).toBe(reported[1])
  })

  it('does not call a missing onEvent for a subscriber of the channel', async () => {
    const { published } = subscribeToEvents()
    expect(await warningsOf(() => createObserver().emit(event))).toEqual([])
    expect(published).toEqual([event])
  })

  it('replaces what a log line must not contain in the name of an issuer', () => {
    const reported: unknown[] = []
    const observer = createObserver((item) => reported.push(item))
    const limited = { type: 'keys.rate_limited', issuer: 'https://as.test/\n\u202e' } as const
    observer.emit(limited as ValidatorEvent)
    expect(reported).toEqual([{ ...limited, issuer: 'https://as.test/??' }])
  })

  it.each([{}, { issuer: undefined }, { issuer: 'https://as.test' }])(
    'passes an event on unchanged if its issuer is absent or printable: %j',
    (members) => {
      const reported: unknown[] = []
      const unchanged = { ...event, ...members } as ValidatorEvent
      createObserver((item) => reported.push(item)).emit(unchanged)
      expect(reported[0]).toBe(unchanged)
    },
  )

  it('listens only while the channel has a subscriber', () => {
    const observer = createObserver()
    const { unsubscribe } = subscribeToEvents()
    expect(observer.listening()).toBe(true)
    unsubscribe()
    expect(observer.listening()).toBe(false)
  })

  it.each([
    [
      'throws an error',
      () => {
        throw new Error('broken')
      },
      'onEvent failed: broken',
    ],
    [
      'throws a value that is not an Error',
      () => {
        throw 'text'
      },
      'onEvent failed: not an Error',
    ],
    ['rejects', () => Promise.reject(new Error('later')), 'onEvent failed: later'],
  ])('warns of a listener that %s, once', async (_, onEvent, message) => {
    const observer = createObserver(onEvent)
    const warnings = await warningsOf(() => {
      for (let count = 0; count < 3; count++) observer.emit(event)
    })
    expect(warnings.map((warning) => warning.message)).toEqual([message])
  })

  it('does not warn of a listener that returns or resolves', async () => {
    const observer = createObserver(async () => 'fine')
    expect(await warningsOf(() => observer.emit(event))).toEqual([])
  })
})
