import { expect, it } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import type { ValidatorEvent } from '../../../src/events.ts'
import { createKeyEvents } from '../../../src/keys/key-events.ts'
import { type KeySet, readKeySet } from '../../../src/keys/key-set.ts'
import { ec1, ISS, rsa1 } from '../../support/fixture.ts'

const setOf = (...keys: unknown[]) => readKeySet({ keys }) as KeySet

it('the event of a refresh counts the keys that were added and removed', () => {
  const events: ValidatorEvent[] = []
  const { refreshed } = createKeyEvents(
    ISS,
    createObserver((event) => events.push(event)),
  )
  const [first, second] = [setOf(rsa1.jwk, null), setOf(ec1.jwk)]
  refreshed(first, undefined, 5)
  refreshed(second, first, 6)
  const common = { type: 'keys.refreshed', issuer: ISS, keys: 1 }
  expect(events).toStrictEqual([
    { ...common, skipped: 1, added: 1, removed: 0, durationMs: 5 },
    { ...common, skipped: 0, added: 1, removed: 1, durationMs: 6 },
  ])
})
