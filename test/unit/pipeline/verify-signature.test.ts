import { describe, expect, it, vi } from 'vitest'
import type { TrustedIssuer } from '../../../src/issuer/trusted-issuer.ts'
import { recordArrival } from '../../../src/keys/arrival.ts'
import { type KeySet, readKeySet } from '../../../src/keys/key-set.ts'
import { verifySignature } from '../../../src/pipeline/verify-signature.ts'
import { parseCompactJws } from '../../../src/token/jws.ts'
import { ec1, makeKey, t0 } from '../../support/fixture.ts'

const ec2 = makeKey('ES256', 'ec2')
const foreign = makeKey('ES256', 'foreign')

describe('verifySignature', () => {
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
