import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  base64url,
  claimsT0,
  ed1,
  fixtureValidator,
  makeKey,
  signBytes,
  type TestKey,
  t0,
} from '../support/fixture.ts'
import { outcomeOf, outcomeWith } from '../support/simulated-issuer.ts'

const unused = (reason: string) => ({ outcome: 'T401 unknown_key', skipped: [reason] })
const ed25519: TestKey = makeKey('Ed25519', 'ed25519')
const okp = (type: 'x25519' | 'x448' | 'ed448', kid: string) => {
  const { publicKey, privateKey } = generateKeyPairSync(type as 'ed448')
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

describe('RFC 8037 §3.1: EdDSA', () => {
  it('8037-3.1-a EdDSA with an Ed25519 key is accepted', async () => {
    expect((await outcomeWith([ed1.jwk], t0({}, {}, ed1))).outcome).toBe('OK')
    const token = t0({}, {}, ed1)
    expect(await outcomeOf(fixtureValidator({ algorithms: ['EdDSA'] }).validate(token))).toBe('OK')
    expect(await outcomeOf(fixtureValidator({ algorithms: ['RS256'] }).validate(token))).toBe(
      'T401 wrong_algorithm',
    )
  })

  it.each(['x25519', 'x448'] as const)('8037-3.1-b a key of %s cannot sign', async (type) => {
    const { jwk } = okp(type, 'ed1')
    expect(await outcomeWith([jwk], t0({}, {}, ed1))).toEqual(unused('type'))
    // The x of a signing key does not verify anything with the name of the other curve.
    const renamed = { ...ed1.jwk, alg: undefined, crv: type.toUpperCase() }
    expect(await outcomeWith([renamed], t0({}, {}, ed1))).toEqual(unused('type'))
  })

  it.each(['EdDSA', 'Ed448'])('8037-3.1-c Ed448 is refused under the name %s', async (alg) => {
    const { jwk, privateKey } = okp('ed448', 'ed448')
    const token = t0({}, { alg }, { alg: 'EdDSA', privateKey, jwk })
    const { outcome: result } = await outcomeWith([jwk], token)
    expect(result).toBe(alg === 'EdDSA' ? 'T401 unknown_key' : 'T401 wrong_algorithm')
  })

  it.each([31, 33])('8037-2 a key of %i octets is ignored', async (length) => {
    const x = Buffer.concat([Buffer.from(String(ed1.jwk.x), 'base64url'), Buffer.of(0)])
    const jwk = { ...ed1.jwk, x: x.subarray(0, length).toString('base64url') }
    expect(await outcomeWith([jwk], t0({}, {}, ed1))).toEqual(unused('malformed'))
  })
})

describe('RFC 8032 §5.1.7: malleable signatures', () => {
  const order = (1n << 252n) + 27742317777372353535851937790883648493n
  const signedBy = (change: (signature: Buffer) => Buffer) => {
    const header = base64url('{"alg":"EdDSA","typ":"at+jwt","kid":"ed1"}')
    const input = `${header}.${base64url(JSON.stringify(claimsT0()))}`
    return `${input}.${base64url(change(signBytes('EdDSA', ed1.privateKey, Buffer.from(input))))}`
  }
  const littleEndian = (value: bigint) =>
    Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
  const plus = (times: bigint) => (signature: Buffer) => {
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
    return Buffer.concat([signature.subarray(0, 32), littleEndian(s + times * order)])
  }

  it('8037-mal an unchanged signature is accepted', async () => {
    expect(await outcomeOf(fixtureValidator().validate(signedBy(plus(0n))))).toBe('OK')
  })

  it.each([1n, 2n, 7n])('8037-mal S + %i times the order is refused', async (times) => {
    expect(await outcomeOf(fixtureValidator().validate(signedBy(plus(times))))).toBe(
      'T401 bad_signature',
    )
  })

  it.each([
    ['all zeros', () => Buffer.alloc(64)],
    ['63 octets', (signature: Buffer) => signature.subarray(1)],
    ['65 octets', (signature: Buffer) => Buffer.concat([signature, Buffer.of(0)])],
    ['nothing', () => Buffer.alloc(0)],
    [
      'R and S exchanged',
      (signature: Buffer) => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)]),
    ],
    [
      'another S of the same R',
      (signature: Buffer) => Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32, 1)]),
    ],
  ])('8037-mal a signature that is %s is refused', async (_what, change) => {
    expect(await outcomeOf(fixtureValidator().validate(signedBy(change)))).toBe(
      'T401 bad_signature',
    )
  })

  it.each([
    ['y = 1', `01${'00'.repeat(31)}`],
    ['y = 0', '00'.repeat(32)],
    ['y = -1', `ec${'ff'.repeat(30)}7f`],
  ])(
    '8037-mal a key of small order (%s) does not verify what another key signed',
    async (_what, point) => {
      const jwk = { ...ed1.jwk, x: Buffer.from(point, 'hex').toString('base64url') }
      expect((await outcomeWith([jwk], t0({}, {}, ed1))).outcome).toMatch(
        /^T401 (unknown_key|bad_signature)$/,
      )
    },
  )
})

describe('RFC 9864: fully specified algorithms', () => {
  it('9864-a Ed25519 is accepted if it is allowed', async () => {
    const token = t0({}, {}, ed25519)
    expect((await outcomeWith([ed25519.jwk], token)).outcome).toBe('OK')
    expect((await outcomeWith([ed25519.jwk], token, { algorithms: ['Ed25519'] })).outcome).toBe(
      'OK',
    )
  })

  it('9864-a Ed25519 with an Ed448 key is refused', async () => {
    const { jwk, privateKey } = okp('ed448', 'ed25519')
    const token = t0({}, {}, { alg: 'Ed25519', privateKey, jwk })
    expect(await outcomeWith([jwk], token)).toEqual(unused('type'))
    expect(await outcomeWith([{ ...jwk, alg: 'Ed25519' }], token)).toEqual(unused('alg'))
  })

  it.each([
    ['EdDSA', 'Ed25519'],
    ['Ed25519', 'EdDSA'],
  ] as const)('9864-b a list with %s alone does not admit %s', async (listed, said) => {
    const key = { ...ed25519, alg: said }
    const jwk = { ...ed25519.jwk, alg: undefined }
    const { outcome: result } = await outcomeWith([jwk], t0({}, {}, key), { algorithms: [listed] })
    expect(result).toBe('T401 wrong_algorithm')
    // Where both are listed, a key that names neither verifies both.
    expect((await outcomeWith([jwk], t0({}, {}, key))).outcome).toBe('OK')
  })

  it.each([
    ['EdDSA', 'Ed25519'],
    ['Ed25519', 'EdDSA'],
  ])('9864-b a key for %s does not verify a token with alg %s', async (named, said) => {
    const token = t0({}, {}, { ...ed25519, alg: said })
    const { outcome: result } = await outcomeWith([{ ...ed25519.jwk, alg: named }], token)
    expect(result).toBe('T401 unknown_key')
  })
})
