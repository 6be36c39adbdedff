import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createNonces } from '../../../src/proof/nonces.ts'

const start = 1_800_000_000_000
const secretOf = (byte: number) => new Uint8Array(32).fill(byte)

function setUp({ secrets = [secretOf(1)], lifetime = 300 } = {}) {
  let time = start
  const nonces = createNonces({ secrets, lifetime, futureTolerance: 5, now: () => time })
  const wait = (seconds: number) => {
    time += seconds * 1000
  }
  return { ...nonces, wait }
}

describe('a nonce', () => {
  it('9449-8-b 9449-8.1 is different each time, and has only characters that are allowed', () => {
    const { create } = setUp()
    const created = Array.from({ length: 1_000 }, create)
    expect(new Set(created).size).toBe(1_000)
    // 96 random bits: the first 16 characters differ even within one millisecond.
    expect(new Set(created.map((nonce) => nonce.slice(0, 16))).size).toBe(1_000)
    for (const nonce of created) {
      expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{48}$/)
    }
  })

  it.each([
    [0, 'current'],
    [199.9, 'current'],
    [200, 'near_expiry'],
    [299.9, 'near_expiry'],
    [300, 'expired'],
    [86_400, 'expired'],
    [-5, 'current'],
    [-5.1, 'unknown'],
  ])('9449-8.2-a has after %d of 300 seconds the state %s', (seconds, state) => {
    const { create, check, wait } = setUp()
    const nonce = create()
    wait(seconds)
    expect(check(nonce)).toBe(state)
  })

  it('9449-8-c is unknown when one bit of it is changed', () => {
    const { create, check } = setUp()
    const nonce = create()
    expect(check(nonce)).toBe('current')
    const bytes = Buffer.from(nonce, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes)
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(check(forged.toString('base64url'))).toBe('unknown')
    }
  })

  it.each([
    '',
    'x',
    'A'.repeat(48),
    'é'.repeat(48),
    '/'.repeat(48),
    'n'.repeat(10_000),
    `${setUp().create().slice(0, 47)}`,
    `${setUp().create()}A`,
    ` ${setUp().create().slice(1)}`,
  ])('9449-8-c is unknown when it is %j', (nonce) => {
    expect(setUp().check(nonce)).toBe('unknown')
  })

  it('is unknown when its MAC is one that the secret makes for something else', () => {
    const message = Buffer.from(setUp().create(), 'base64url').subarray(0, 18)
    const mac = createHmac('sha256', secretOf(1)).update(message).digest().subarray(0, 18)
    const nonce = Buffer.concat([message, mac]).toString('base64url')
    expect(setUp().check(nonce)).toBe('unknown')
  })

  it('9449-9-b is accepted with the same secret, and unknown with another one', () => {
    const nonce = setUp().create()
    expect(setUp().check(nonce)).toBe('current')
    expect(setUp({ secrets: [secretOf(2)] }).check(nonce)).toBe('unknown')
  })

  it('is made with the first secret and accepted with each of them, so that secrets rotate', () => {
    const old = setUp({ secrets: [secretOf(1)] })
    const both = setUp({ secrets: [secretOf(2), secretOf(1)] })
    const newOnly = setUp({ secrets: [secretOf(2)] })
    expect(both.check(old.create())).toBe('current')
    expect(newOnly.check(both.create())).toBe('current')
    expect(old.check(both.create())).toBe('unknown')
  })
})
