import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const boom = new Error('boom')
let warn = vi.fn<typeof process.emitWarning>()

// A process warns once, so each test needs a new module.
let callNext: typeof import('../../../src/adapters/next.ts').callNext
beforeEach(async () => {
  vi.resetModules()
  ;({ callNext } = await import('../../../src/adapters/next.ts'))
  warn = vi.fn<typeof process.emitWarning>()
  vi.spyOn(process, 'emitWarning').mockImplementation(warn)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

const settle = () => new Promise(setImmediate)

/** Calls `next` with a function that fails in this way, and returns the arguments of all calls. */
async function callsOf(fail: (error: unknown) => unknown, error?: Error): Promise<unknown[][]> {
  const calls: unknown[][] = []
  callNext((...values) => {
    calls.push(values)
    return fail(values[0])
  }, error)
  await settle()
  return calls
}

it('calls next once, with the error if there is one', async () => {
  expect(await callsOf(() => undefined)).toEqual([[]])
  expect(await callsOf(async () => 1)).toEqual([[]])
  expect(await callsOf(() => undefined, boom)).toEqual([[boom]])
  expect(warn).not.toHaveBeenCalled()
})

it('does nothing without next', async () => {
  callNext(undefined)
  await settle()
  expect(warn).not.toHaveBeenCalled()
})

it.each<[string, (error: unknown) => unknown]>([
  [
    'throws',
    (error) => {
      if (error === undefined) throw boom
    },
  ],
  ['rejects', (error) => (error === undefined ? Promise.reject(boom) : undefined)],
])('passes on the error of a later middleware that %s', async (_, fail) => {
  expect(await callsOf(fail)).toEqual([[], [boom]])
  expect(warn).not.toHaveBeenCalled()
})

it.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw boom
    },
  ],
  ['rejects', () => Promise.reject(boom)],
])('warns, once per process, if next(error) %s too', async (_, fail) => {
  expect(await callsOf(fail)).toEqual([[], [boom]])
  expect(await callsOf(fail, new Error('first'))).toEqual([[new Error('first')]])
  expect(warn.mock.calls).toEqual([
    ['next(error) failed: boom', { type: 'OAuthResourceServerWarning' }],
  ])
})
