/** Listeners to what a validator reports beside `onEvent`: process warnings and the diagnostics channel. */
import { channel } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'

/** The warnings of the process, after the turns in which they are emitted. */
export async function warningsOf(action: () => unknown): Promise<Error[]> {
  const warnings: Error[] = []
  const listener = (warning: Error) => {
    warnings.push(warning)
  }
  process.on('warning', listener)
  try {
    await action()
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  } finally {
    process.off('warning', listener)
  }
  return warnings.filter(({ name }) => name === 'OAuthResourceServerWarning')
}

/** Subscribes to the diagnostics channel until the test ends. */
export function subscribeToEvents(): { published: unknown[]; unsubscribe: () => void } {
  const diagnostics = channel('oauth-resource-server')
  const published: unknown[] = []
  const listener = (message: unknown) => {
    published.push(message)
  }
  const unsubscribe = () => {
    diagnostics.unsubscribe(listener)
  }
  diagnostics.subscribe(listener)
  onTestFinished(unsubscribe)
  return { published, unsubscribe }
}
