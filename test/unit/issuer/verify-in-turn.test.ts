import { Buffer } from 'node:buffer'
import { generateKeyPairSync } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import { expect, it, vi } from 'vitest'
import { createFairQueue } from '../../../src/internal/fair-queue.ts'
import { createVerificationQueue, verifyInTurn } from '../../../src/issuer/verify-in-turn.ts'
import { importJwk } from '../../../src/keys/jwk-import.ts'
import type { VerificationKey } from '../../../src/signature/algorithms.ts'

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = importJwk(publicKey.export({ format: 'jwk' })) as VerificationKey
const fullQueue = { run: () => false }

it.each([
  { verified: true, hint: 'too many signatures of this issuer wait to be verified' },
  {
    verified: false,
    hint: 'too many signatures of issuers without a verified token wait to be verified',
  },
])('names in the hint whose signatures wait: $hint', async ({ verified, hint }) => {
  const owner = { issuer: 'https://a.test', status: { verified }, verifications: fullQueue }
  const empty = Buffer.alloc(0)
  await expect(verifyInTurn(owner, 'ES256', key, empty, empty, false)).rejects.toMatchObject({
    name: 'ServiceUnavailableError',
    service: 'keys',
    retryAfter: 1,
    detail: { issuer: 'https://a.test', hint },
  })
})

it('runs 32 verifications at a time, and lets 1,000 of one issuer wait', () => {
  const queue = createVerificationQueue()
  const task = vi.fn()
  for (let count = 0; count < 1_032; count++) expect(queue.run('a', task, false)).toBe(true)
  expect(task).toHaveBeenCalledTimes(32)
  expect(queue.run('a', task, false)).toBe(false)
})

it('ends the turn of a verification that the runtime cannot start', async () => {
  const { setImmediate: original } = timers
  const queue = createFairQueue({ running: 2, waiting: 9 })
  const owner = { issuer: 'https://a.test', status: { verified: true }, verifications: queue }
  const verify = () =>
    verifyInTurn(owner, 'ES256', key, Buffer.alloc(9), Buffer.alloc(64, 1), false)
  const running = verify()
  timers.setImmediate = (() => {
    throw new Error('no setImmediate')
  }) as never
  syncBuiltinESMExports()
  try {
    await expect(verify()).rejects.toThrow('no setImmediate')
    await expect(running).resolves.toBe(false)
  } finally {
    timers.setImmediate = original
    syncBuiltinESMExports()
  }
  const all = await Promise.all([verify(), verify(), verify(), verify()])
  expect(all).toEqual([false, false, false, false])
})
