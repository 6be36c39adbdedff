import { execFileSync } from 'node:child_process'
import { constants, type KeyObject, sign } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compactVerify, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { importJwk } from '../../../src/keys/jwk-import.ts'
import {
  type Algorithm,
  allAlgorithms,
  getAlgorithm,
  type VerificationKey,
} from '../../../src/signature/algorithms.ts'
import {
  base64url,
  ec1,
  ec3,
  ec5,
  ed1,
  jwks,
  makeKey,
  ps1,
  rsa1,
  signBytes,
  t0,
} from '../../support/fixture.ts'
import { createApi } from '../../support/verdict.ts'
import { verifySignature } from '../../support/verify-signature.ts'

const payload = base64url('{"iss":"x"}')
const keyPairs: Record<string, { privateKey: KeyObject; jwk: JWK }> = {
  RSA: rsa1,
  'P-256': ec1,
  'P-384': ec3,
  'P-521': ec5,
  Ed25519: ed1,
}

/** One algorithm, its key, and the verdict of this package beside that of jose. */
async function contestants(alg: Algorithm) {
  const { kty, crv } = getAlgorithm(alg).keyType
  const { privateKey, jwk: published } = keyPairs[crv ?? kty] as (typeof keyPairs)[string]
  const { alg: _, ...jwk } = published
  const input = Buffer.from(`${base64url(JSON.stringify({ alg }))}.${payload}`)
  const key = importJwk({ ...jwk, alg }) as VerificationKey
  const oracle = await importJWK({ ...jwk, alg }, alg)
  return {
    privateKey,
    input,
    good: signBytes(alg, privateKey, input),
    ours: (signature: Buffer, bytes = input) => verifySignature(alg, key, bytes, signature),
    theirs: (signature: Buffer, bytes = input) =>
      compactVerify(`${bytes}.${base64url(signature)}`, oracle).then(
        () => true,
        () => false,
      ),
  }
}

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

/** Signatures that differ from a good one in some way, each with what they are. */
function mutantsOf(alg: Algorithm, good: Buffer, privateKey: KeyObject, input: Buffer) {
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
    ['zero but for its last bit', Buffer.concat([Buffer.alloc(good.length - 1), Buffer.of(1)])],
    ['backwards', Buffer.from(good).reverse()],
    ['over other bytes', signBytes(alg, privateKey, Buffer.from('other'))],
    ['over the payload alone', signBytes(alg, privateKey, Buffer.from(payload))],
  ]
  return [...flips, ...lengths, ...forgeries(alg, good, privateKey, input)]
}

function forgeries(
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
      ['s negated, which ECDSA admits', join(r, order - s)],
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

describe.each([...allAlgorithms])('%s', (alg) => {
  it('verifies what node:crypto signed, and so does jose', async () => {
    const { ours, theirs, good } = await contestants(alg)
    expect([await ours(good), await theirs(good)]).toEqual([true, true])
  })

  it('agrees with jose on every signature that differs from a good one', async () => {
    const { ours, theirs, good, privateKey, input } = await contestants(alg)
    const admitted: string[] = []
    for (const [name, signature] of mutantsOf(alg, good, privateKey, input)) {
      const verdict = await ours(signature)
      expect([name, verdict]).toEqual([name, await theirs(signature)])
      if (verdict) admitted.push(name)
    }
    const salt = { PS256: ['PSS with a salt of 32'], PS512: ['PSS with a salt of 64'] }[
      alg as string
    ]
    const same = alg.startsWith('RS')
      ? ['PKCS1']
      : alg.startsWith('ES')
        ? ['s negated, which ECDSA admits']
        : []
    expect(admitted).toEqual(salt ?? same)
  })

  it('agrees with jose that the signed bytes may not change', async () => {
    const { ours, theirs, good, input } = await contestants(alg)
    for (const bytes of [Buffer.concat([input, Buffer.from('A')]), input.subarray(0, -4)]) {
      expect([await ours(good, bytes), await theirs(good, bytes)]).toEqual([false, false])
    }
  })

  it('verifies a whole token, where its key is published for it', async () => {
    const key = { ...keyOf(alg), alg }
    const own = createApi({ issuer: { issuer: 'https://as.test', jwks: { keys: [key.jwk] } } })
    const other =
      getAlgorithm(alg).keyType.kty === 'RSA' ? ps1.privateKey : makeKey(alg, 'other').privateKey
    const token = t0({}, {}, key)
    expect((await own.accepts(token)).header.alg).toBe(alg)
    await own.refuses(
      `${token.slice(0, -8)}${token.endsWith('AAAAAAAA') ? 'AAAAAAAQ' : 'AAAAAAAA'}`,
      'bad_signature',
    )
    await own.refuses(t0({}, {}, { ...key, privateKey: other }), 'bad_signature')
  })
})

describe.each(['ES256', 'ES384', 'ES512'] as const)('%s', (alg) => {
  const shapes: [string, (number: Buffer) => boolean][] = [
    ['begins with zeros', ([first]) => first === 0],
    [
      'begins with zeros, and a high bit after them',
      ([first, second = 0]) => !first && second > 127,
    ],
  ]
  it.each(shapes)('admits R and S where one %s, as jose does', async (_, fits) => {
    const { ours, theirs, privateKey, input } = await contestants(alg)
    const half = (getAlgorithm(alg).signatureLength as number) / 2
    for (const part of [0, half]) {
      // One in 512 is of the rarest shape: that none of 20,000 is has odds of 1 : 10^16.
      let signature = signBytes(alg, privateKey, input)
      for (let tries = 0; tries < 20_000 && !fits(signature.subarray(part)); tries++) {
        signature = signBytes(alg, privateKey, input)
      }
      expect(fits(signature.subarray(part))).toBe(true)
      expect([await ours(signature), await theirs(signature)]).toEqual([true, true])
    }
  })
})

function keyOf(alg: Algorithm) {
  const { kty, crv } = getAlgorithm(alg).keyType
  const { privateKey, jwk } = keyPairs[crv ?? kty] as (typeof keyPairs)[string]
  return { privateKey, jwk: { ...jwk, alg, kid: 'k' } }
}

describe('a verification', () => {
  it('is never rejected, whatever the signature', async () => {
    const key = importJwk(rsa1.jwk) as VerificationKey
    for (let length = 0; length < 600; length += 7) {
      expect(await verifySignature('RS256', key, Buffer.alloc(9), Buffer.alloc(length, 0xfe))).toBe(
        false,
      )
    }
  })

  it('is never rejected, though the key does not suit the algorithm', async () => {
    for (const alg of allAlgorithms) {
      for (const jwk of jwks.keys) {
        const key = importJwk(jwk) as VerificationKey
        const { signatureLength = key.modulusLength } = getAlgorithm(alg)
        const verdict = await verifySignature(
          alg,
          key,
          Buffer.alloc(9),
          Buffer.alloc(signatureLength, 1),
        )
        expect(verdict).toBe(false)
      }
    }
  })

  it('leaves the event loop free: it waits for a thread of the pool, nobody for it', async () => {
    const release = await occupyThreadPool()
    let settled = 0
    let verdicts: Promise<boolean[]>
    try {
      verdicts = Promise.all(
        allAlgorithms.map(async (alg) => {
          const key = keyOf(alg)
          const input = Buffer.from('input')
          const signature = signBytes(alg, key.privateKey, input)
          const valid = await verifySignature(
            alg,
            importJwk(key.jwk) as VerificationKey,
            input,
            signature,
          )
          settled += 1
          return valid
        }),
      )
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      expect(settled).toBe(0)
    } finally {
      await release()
    }
    expect(await verdicts).toEqual(allAlgorithms.map(() => true))
  })
})

/** Lets each thread of libuv's pool wait for a pipe's other end, until the function is called. */
async function occupyThreadPool(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'pool-'))
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4)
  const readers = Array.from({ length: threads }, () => open(pipe, 'r'))
  return async () => {
    const writer = openSync(pipe, 'w')
    for (const reader of readers) await (await reader).close()
    closeSync(writer)
    rmSync(directory, { recursive: true })
  }
}
