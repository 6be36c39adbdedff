/** Signatures that a verifier must compare with jose's result: altered, forged, or encoded differently. */
import { constants, type KeyObject, sign } from 'node:crypto'
import { type Algorithm, getAlgorithm } from '../../src/signature/algorithms.ts'
import { base64url, rsa1, signBytes } from './fixture.ts'

const payload = base64url('{"iss":"x"}')

const orders: Record<string, bigint> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384:
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512: BigInt(
    `0x1ff${'f'.repeat(63)}a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
  ),
}

const toBytes = (number: bigint, length: number) =>
  Buffer.from(number.toString(16).padStart(2 * length, '0'), 'hex')
const toNumber = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`)

/** Signatures that differ from a valid one, each with its difference. */
export function alteredSignatures(
  alg: Algorithm,
  good: Buffer,
  privateKey: KeyObject,
  input: Buffer,
) {
  const flips = Array.from({ length: good.length }, (_, at) => {
    const bytes = Buffer.from(good)
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
    return [`bit flipped in octet ${at}`, bytes] as [string, Buffer]
  })
  const lengths: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['one octet', good.subarray(0, 1)],
    ['one octet short', good.subarray(0, -1)],
    ['without its first octet', good.subarray(1)],
    ['one octet long', Buffer.concat([good, Buffer.of(0)])],
    ['with a zero before it', Buffer.concat([Buffer.of(0), good])],
    ['twice', Buffer.concat([good, good])],
    ['all zero', Buffer.alloc(good.length)],
    ['all ones', Buffer.alloc(good.length, 0xff)],
    ['zero except for its last bit', Buffer.concat([Buffer.alloc(good.length - 1), Buffer.of(1)])],
    ['backwards', Buffer.from(good).reverse()],
    ['over other bytes', signBytes(alg, privateKey, Buffer.from('other'))],
    ['over the payload alone', signBytes(alg, privateKey, Buffer.from(payload))],
  ]
  return [...flips, ...lengths, ...specialSignatures(alg, good, privateKey, input)]
}

function specialSignatures(
  alg: Algorithm,
  good: Buffer,
  key: KeyObject,
  input: Buffer,
): [string, Buffer][] {
  const order = orders[alg]
  if (order !== undefined) {
    const size = good.length / 2
    const [r, s] = [toNumber(good.subarray(0, size)), toNumber(good.subarray(size))]
    const join = (first: bigint, second: bigint) =>
      Buffer.concat([toBytes(first, size), toBytes(second, size)])
    return [
      ['r = 0', join(0n, s)],
      ['s = 0', join(r, 0n)],
      ['r = n', join(order, s)],
      ['s = n', join(r, order)],
      ['r = s = n', join(order, order)],
      ['r = 1, s = 0', join(1n, 0n)],
      ['r = s = 1', join(1n, 1n)],
      [
        'r + n where it fits',
        r + order < 1n << BigInt(8 * size) ? join(r + order, s) : join(0n, 0n),
      ],
      ['s negated, which is valid in ECDSA', join(r, order - s)],
      ['r and s swapped', join(s, r)],
      [
        'a zero before r and before s',
        Buffer.concat([Buffer.of(0), good.subarray(0, size), Buffer.of(0), good.subarray(size)]),
      ],
      ['DER', sign(`sha${alg.slice(2)}`, input, { key, dsaEncoding: 'der' })],
      [
        'over another hash',
        sign(alg === 'ES256' ? 'sha384' : 'sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
      ],
    ]
  }
  if (getAlgorithm(alg).keyType.kty === 'RSA') {
    const hash = `sha${alg.slice(2)}`
    const pss = (saltLength: number, digest = hash) =>
      sign(digest, input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
    const modulus = toNumber(Buffer.from(rsa1.jwk.n as string, 'base64url'))
    const wrapped = toNumber(good) + modulus
    return [
      ['PKCS1 with another hash', sign(hash === 'sha256' ? 'sha512' : 'sha256', input, key)],
      ['PKCS1', sign(hash, input, key)],
      ['PSS without salt', pss(0)],
      ['PSS with a salt of 20', pss(20)],
      ['PSS with a salt of 32', pss(32)],
      ['PSS with a salt of 64', pss(64)],
      ['PSS with the longest salt', pss(constants.RSA_PSS_SALTLEN_MAX_SIGN)],
      ['PSS with another hash', pss(32, hash === 'sha256' ? 'sha384' : 'sha256')],
      ['plus the modulus', wrapped < 1n << 2048n ? toBytes(wrapped, 256) : toBytes(modulus, 256)],
    ]
  }
  const l = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = toNumber(Buffer.from(good.subarray(32)).reverse()) + l
  return [
    ['S plus the order', Buffer.concat([good.subarray(0, 32), toBytes(s, 32).reverse()])],
    ['of the identity', Buffer.concat([Buffer.of(1), Buffer.alloc(63)])],
  ]
}
