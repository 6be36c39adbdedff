import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { TrustedIssuer } from '../../../src/issuer/trusted-issuer.ts'
import { createVerificationQueue } from '../../../src/issuer/verify-in-turn.ts'
import { recordArrival } from '../../../src/keys/arrival.ts'
import { type KeySet, readKeySet } from '../../../src/keys/key-set.ts'
import type { KeySource } from '../../../src/keys/key-source.ts'
import { verifySignature } from '../../../src/pipeline/verify-signature.ts'
import { parseCompactJws } from '../../../src/token/jws.ts'
import { base64url, ec1, ISS, makeKey, type TestKey, t0 } from '../../support/fixture.ts'

const ec2 = makeKey('ES256', 'ec2')
const foreign = makeKey('ES256', 'foreign')

/** An issuer with these keys, which counts its verifications and its requests for newer keys. */
function createIssuer(set: KeySet | Promise<KeySet>, newest: KeySet | Promise<KeySet> = set) {
  const queue = createVerificationQueue()
  const run = vi.fn(queue.run)
  const refreshForUnknownKey = vi.fn<KeySource['refreshForUnknownKey']>(() => newest)
  const issuer = {
    issuer: ISS,
    status: { verified: true },
    keys: { current: () => set, refreshForUnknownKey },
    verifications: { run },
  } as unknown as TrustedIssuer
  const verify = async (token: string) =>
    verifySignature(parseCompactJws(token), issuer, 0, recordArrival())
  return { run, refreshForUnknownKey, verify }
}

const setOf = (...keys: TestKey[]) => readKeySet({ keys: keys.map(({ jwk }) => jwk) }) as KeySet

/** A random public RSA key. Its private key is unknown. */
function makeLargeJwk(modulusLength: number) {
  const n = randomBytes(modulusLength / 8)
  n[0] = 0xff
  n[n.length - 1] = 1
  return { kty: 'RSA', n: base64url(n), e: 'AQAB' }
}

describe('verifySignature', () => {
  it('does not count further keys of the same set as further signatures of the issuer', async () => {
    const { run, verify } = createIssuer(setOf(ec1, ec2, foreign))
    await expect(verify(t0({}, { kid: undefined }, foreign))).resolves.toBeDefined()
    expect(run.mock.calls.map(([, , isContinuation]) => isContinuation)).toEqual([
      false,
      true,
      true,
    ])
  })

  it('verifies a signature with one key, as a signature of its own', async () => {
    const { run, verify } = createIssuer(setOf(ec1))
    await expect(verify(t0({}, {}, ec1))).resolves.toMatchObject({ kid: 'ec1' })
    expect(run.mock.calls.map(([, , isContinuation]) => isContinuation)).toEqual([false])
  })

  it('does not try newer keys if the token names a key of the set', async () => {
    const { verify, refreshForUnknownKey } = createIssuer(setOf(ec1), setOf(ec1, foreign))
    await expect(verify(t0({}, { kid: 'ec1' }, foreign))).rejects.toMatchObject({
      reason: 'bad_signature',
    })
    expect(refreshForUnknownKey).not.toHaveBeenCalled()
  })

  it('finds no key if the newer set does not have it either', async () => {
    const { verify, refreshForUnknownKey } = createIssuer(setOf(ec1), setOf(ec1, ec2))
    await expect(verify(t0({}, {}, foreign))).resolves.toBeUndefined()
    expect(refreshForUnknownKey).toHaveBeenCalledOnce()
  })

  it('waits for the keys, and for newer ones', async () => {
    const { verify, refreshForUnknownKey } = createIssuer(
      Promise.resolve(setOf(ec1)),
      Promise.resolve(setOf(ec1, ec2)),
    )
    await expect(verify(t0({}, {}, ec2))).resolves.toMatchObject({ kid: 'ec2' })
    expect(refreshForUnknownKey).toHaveBeenCalledOnce()
  })

  it.each([
    { alg: 'ES512', modulusLength: 0, tried: 4 },
    { alg: 'ES256', modulusLength: 0, tried: 6 },
    { alg: 'RS256', modulusLength: 4_096, tried: 6 },
    { alg: 'RS256', modulusLength: 8_192, tried: 4 },
  ])('tries $tried of 6 keys for $alg, $modulusLength', async ({ alg, modulusLength, tried }) => {
    const keys = Array.from({ length: 6 }, (_, index) => ({
      ...makeKey(alg, `k${index}`),
      ...(alg === 'RS256' && { jwk: makeLargeJwk(modulusLength) }),
    }))
    const { run, verify } = createIssuer(setOf(...keys))
    await expect(verify(t0({}, { kid: undefined }, makeKey(alg, 'foreign')))).rejects.toMatchObject(
      { reason: 'bad_signature' },
    )
    expect(run).toHaveBeenCalledTimes(tried)
  })

  it('does not verify a signature again with the same keys', async () => {
    const { run, verify, refreshForUnknownKey } = createIssuer(setOf(ec1))
    await expect(verify(t0({}, { kid: undefined }, foreign))).rejects.toMatchObject({
      reason: 'bad_signature',
    })
    expect(refreshForUnknownKey).toHaveBeenCalledOnce()
    expect(run).toHaveBeenCalledOnce()
  })

  it('accepts a signature with a key of the newer set only', async () => {
    const { verify } = createIssuer(setOf(ec1), setOf(ec1, ec2))
    for (const kid of ['ec2', undefined]) {
      await expect(verify(t0({}, { kid }, ec2))).resolves.toMatchObject({ kid: 'ec2' })
    }
  })

  it.each([
    { kid: 'ec2', later: [ec1, ec2], isEnough: true, what: 'has the key' },
    { kid: 'ec2', later: [ec1], isEnough: false, what: 'does not have it' },
    { kid: 'ec2', later: [], isEnough: false, what: 'has no key' },
    // The token may be signed with a key that is newer than that set.
    { kid: undefined, later: [ec1, ec2], isEnough: false, what: 'has more keys' },
    { kid: undefined, later: [], isEnough: false, what: 'has no key' },
  ])(
    'takes a set from before the arrival of a token with kid $kid, which $what: $isEnough',
    async ({ kid, later, isEnough }) => {
      const { verify, refreshForUnknownKey } = createIssuer(setOf(ec1))
      await verify(t0({}, { kid }, ec2)).catch(() => undefined)
      const isNewEnough = refreshForUnknownKey.mock.calls[0]?.[1]
      expect(isNewEnough?.(setOf(...later))).toBe(isEnough)
    },
  )

  it.each([
    ['one key', [ec1.jwk]],
    ['several keys', [ec1.jwk, ec2.jwk]],
  ])('counts the verification with %s as part of the wait for newer keys', async (_, keys) => {
    const set = readKeySet({ keys }) as KeySet
    const refreshForUnknownKey = vi.fn(() => set)
    const issuer = {
      keys: { current: () => set, refreshForUnknownKey },
      verifications: undefined,
    } as unknown as TrustedIssuer
    const jwt = parseCompactJws(t0({}, { kid: undefined }, foreign))
    const arrival = recordArrival()
    await expect(verifySignature(jwt, issuer, 0, arrival)).rejects.toMatchObject({
      reason: 'bad_signature',
    })
    expect(refreshForUnknownKey).toHaveBeenCalledOnce()
    expect(arrival.waitingSince).toBeLessThanOrEqual(performance.now())
  })

  it('tries at most two key sets for one token', async () => {
    const createSet = () => readKeySet({ keys: [ec1.jwk] }) as KeySet
    const refreshForUnknownKey = vi.fn(createSet)
    const issuer = {
      keys: { current: createSet, refreshForUnknownKey },
      verifications: undefined,
    } as unknown as TrustedIssuer
    const jwt = parseCompactJws(t0({}, { kid: undefined }, foreign))
    await expect(verifySignature(jwt, issuer, 0, recordArrival())).rejects.toMatchObject({
      reason: 'bad_signature',
    })
    expect(refreshForUnknownKey).toHaveBeenCalledOnce()
  })
})
