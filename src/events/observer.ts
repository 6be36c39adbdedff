/** @module Passes events to the application's function `onEvent` and to the diagnostics channel. */
import { channel } from 'node:diagnostics_channel'
import type { ValidatorEvent } from '../events.ts'
import { messageOf } from '../internal/callback.ts'
import { isThenable } from '../internal/maybe-promise.ts'
import { printable } from '../internal/printable.ts'

/** The name of the `diagnostics_channel` on which every event is published. */
const channelName = 'oauth-resource-server'

export interface Observer {
  /** Returns whether there is a listener: without one, no event needs to be created. */
  readonly listening: () => boolean
  readonly emit: (event: ValidatorEvent) => void
}

/** Makes the issuer's name printable, because a function given as `issuer` may accept any name. */
function sanitize(event: ValidatorEvent): ValidatorEvent {
  if (!('issuer' in event) || event.issuer === undefined) return event
  const issuer = printable(event.issuer)
  return issuer === event.issuer ? event : { ...event, issuer }
}

export function createObserver(onEvent?: (event: ValidatorEvent) => unknown): Observer {
  const diagnostics = channel(channelName)
  let warned = false

  // A failure of `onEvent` must not fail the request. A process warning reports the first one.
  function warn(error: unknown): void {
    if (warned) return
    warned = true
    process.emitWarning(`onEvent failed: ${messageOf(error)}`, {
      type: 'OAuthResourceServerWarning',
    })
  }

  const listening = () => onEvent !== undefined || diagnostics.hasSubscribers

  return {
    listening,
    emit(raw) {
      if (!listening()) return
      const event = sanitize(raw)
      diagnostics.publish(event)
      try {
        const result = onEvent?.(event)
        if (isThenable(result)) Promise.resolve(result).then(undefined, warn)
      } catch (error) {
        warn(error)
      }
    },
  }
}
