/** @module Emits the events about an issuer's keys. A `kid` from a key set is made printable. */

import type { Observer } from '../events/observer.ts'
import type { KeysFailedEvent } from '../events.ts'
import { printable } from '../internal/printable.ts'
import { getFailureReason } from './jwks-client.ts'
import type { KeySet, SkippedJwk } from './key-set.ts'

export interface KeyEvents {
  readonly refreshed: (set: KeySet, previous: KeySet | undefined, durationMs: number) => void
  /** Reports skipped keys if they differ from those that were reported last. */
  readonly skipped: (skipped: readonly SkippedJwk[]) => void
  readonly failed: (
    error: unknown,
    details: Pick<KeysFailedEvent, 'serving' | 'retryAfter' | 'durationMs'>,
  ) => void
  readonly metadataFailed: (error: unknown) => void
  readonly rateLimited: () => void
}

export function createKeyEvents(issuer: string, observer: Observer): KeyEvents {
  let lastSkipped: string | undefined
  return {
    refreshed(set, previous, durationMs) {
      const before = [...(previous?.keys.keys() ?? [])]
      const removed = before.filter((identity) => !set.keys.has(identity)).length
      observer.emit({
        type: 'keys.refreshed',
        issuer,
        keys: set.keys.size,
        skipped: set.skipped.length,
        added: set.keys.size - (before.length - removed),
        removed,
        durationMs,
      })
    },
    skipped(skipped) {
      const text = JSON.stringify(skipped)
      if (text === lastSkipped) return
      lastSkipped = text
      for (const { kid, reason } of skipped) {
        const name = kid === undefined ? undefined : printable(kid)
        observer.emit({ type: 'keys.skipped', issuer, kid: name, reason })
      }
    },
    failed(error, details) {
      const reason = getFailureReason(error)
      observer.emit({ type: 'keys.failed', issuer, reason, cause: error, ...details })
    },
    metadataFailed(error) {
      observer.emit({
        type: 'metadata.failed',
        issuer,
        reason: getFailureReason(error),
        cause: error,
      })
    },
    rateLimited: () => observer.emit({ type: 'keys.rate_limited', issuer }),
  }
}
