/** A remote key source whose client and clock are those of the test. */
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { ServiceUnavailableError } from '../../src/errors.ts'
import { createObserver } from '../../src/events/observer.ts'
import type { ValidatorEvent } from '../../src/events.ts'
import { FetchError } from '../../src/internal/fetch-json.ts'
import { type Arrival, nextOrder } from '../../src/keys/arrival.ts'
import type { JwksClient } from '../../src/keys/jwks-client.ts'
import { type KeySet, readKeySet } from '../../src/keys/key-set.ts'
import { createRemoteKeySource } from '../../src/keys/remote-keys.ts'
import type { ResolvedKeyPolicy } from '../../src/options/types.ts'
import { ec1, ISS, rsa1 } from './fixture.ts'
import { stopTime } from './simulated-issuer.ts'

/** Simulates the clock in every test of the file, and makes each back-off as long as it can be. */
export function simulateTimeInEachTest(): void {
  beforeEach(() => {
    stopTime()
    vi.spyOn(Math, 'random').mockReturnValue(1)
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
}

export const setOf = (keys: unknown[]) => readKeySet({ keys }) as KeySet
export const first = setOf([rsa1.jwk])
export const second = setOf([ec1.jwk])
const lifetime = 100

export type Fetch = JwksClient['fetchKeys']

export const gives =
  (set: KeySet): Fetch =>
  async () => ({ set, lifetime, requestOrder: nextOrder() })
export const fails =
  (retryAfter?: number): Fetch =>
  async () => {
    throw new FetchError('status', 'https://as.test/jwks', 'the response has status 500', {
      status: 500,
      ...(retryAfter !== undefined && { retryAfter }),
    })
  }
/** Responds after this many seconds, unless it is aborted. */
export const takes =
  (seconds: number, then: Fetch): Fetch =>
  async (signal) => {
    const requestOrder = nextOrder()
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, seconds * 1000)
      signal.addEventListener('abort', () =>
        reject(new FetchError('timeout', 'https://as.test/jwks', 'no complete response in time')),
      )
    })
    return { ...(await then(signal)), requestOrder }
  }
export const hangs = takes(1e6, gives(first))

export function source(fetch: Fetch, policy: Partial<ResolvedKeyPolicy> = {}) {
  const events: ValidatorEvent[] = []
  const client = {
    fetchKeys: vi.fn(fetch),
    isMetadataDue: vi.fn(() => false),
    refreshMetadata: vi.fn<JwksClient['refreshMetadata']>(),
    postponeMetadata: vi.fn(),
  }
  const keys = createRemoteKeySource({
    issuer: ISS,
    client,
    policy: { maxAge: 600, staleIfError: 1_000, timeout: 5, ...policy },
    now: () => Date.now(),
    observer: createObserver((event) => events.push(event)),
  })
  return {
    events,
    keys,
    client,
    fetches: client.fetchKeys,
    current: async () => keys.current(),
    /** Whether the keys are available without a promise. */
    atOnce: () => !(keys.current() instanceof Promise),
    refreshForUnknownKey: async (known: KeySet, fits = (_set: KeySet) => true, arrival?: Arrival) =>
      keys.refreshForUnknownKey(known, fits, arrival),
    answer: (next: Fetch) => client.fetchKeys.mockImplementation(next),
  }
}

export const unavailable = (retryAfter: unknown = expect.any(Number)) => ({
  constructor: ServiceUnavailableError,
  service: 'keys',
  retryAfter,
  detail: expect.objectContaining({ issuer: ISS }),
})
