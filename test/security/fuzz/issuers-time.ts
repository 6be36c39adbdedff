/** Simulated time, which passes only when everything that does not wait for it is done. */
import { verify } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { makeKey, signBytes } from '../../support/fixture.ts'

const probe = Buffer.from('probe')
const probeKey = makeKey('ES256', 'probe')
const probeSignature = signBytes('ES256', probeKey.privateKey, probe)
const verifyProbe = promisify(verify)

/** Lets everything that is due be done, signatures in the thread pool included. */
async function settle(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (let turn = 0; turn < 3; turn++) await nextTurn()
    const key = { key: probeKey.privateKey, dsaEncoding: 'ieee-p1363' as const }
    await verifyProbe('sha256', probe, key, probeSignature)
  }
  await nextTurn()
}

/** Lets time pass: in small steps while anything waits for it. */
export async function pass(seconds: number, pending: ReadonlySet<unknown>): Promise<void> {
  await settleAll(pending)
  for (let left = seconds; left > 0; ) {
    const part = vi.getTimerCount() > 0 ? Math.min(0.25, left) : left
    vi.advanceTimersByTime(part * 1000)
    left -= part
    await settleAll(pending)
  }
}

/** Settles until every request that is left waits for a timer. */
export async function settleAll(pending: ReadonlySet<unknown>): Promise<void> {
  await settle()
  for (let round = 0; pending.size > 0 && vi.getTimerCount() === 0; round++) {
    if (round > 1_000) throw new Error('requests wait for nothing')
    await settle()
  }
}
