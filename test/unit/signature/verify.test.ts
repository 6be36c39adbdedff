import { execFileSync } from 'node:child_process'
import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
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
import { verifyWithKey } from '../../../src/signature/verify.ts'
import { alteredSignatures } from '../../support/altered-signatures.ts'
import { createApi } from '../../support/checked-validator.ts'
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
import { verifyAsync } from '../../support/verify-async.ts'

const payload = base64url('{"iss":"x"}')
const keyPairs: Record<string, { privateKey: KeyObject; jwk: JWK }> = {
  RSA: rsa1,
  'P-256': ec1,
  'P-384': ec3,
  'P-521': ec5,
  Ed25519: ed1,
}

/** Signs repeatedly with PSS, whose signatures differ each time, until one begins with a zero octet or does not. */
function signPss(alg: string, key: KeyObject, input: Buffer, beginsWithZero: boolean): Buffer {
  const signature = signBytes(alg, key, input)
  const isWanted = (signature[0] === 0) === beginsWithZero
  return isWanted ? signature : signPss(alg, key, input, beginsWithZero)
}

/** One algorithm, its key, and the results of this package and of jose. */
async function verifiersFor(alg: Algorithm) {
  const { kty, crv } = getAlgorithm(alg).keyType
  const { privateKey, jwk: published } = keyPairs[crv ?? kty] as (typeof keyPairs)[string]
  const { alg: _, ...jwk } = published
  const input = Buffer.from(`${base64url(JSON.stringify({ alg }))}.${payload}`)
  const key = importJwk({ ...jwk, alg }) as VerificationKey
  const oracle = await importJWK({ ...jwk, alg }, alg)
  return {
    privateKey,
    input,
    // OpenSSL, and with it jose, accepts a PSS signature without its first octet if that is zero.
    good: alg.startsWith('PS')
      ? signPss(alg, privateKey, input, false)
      : signBytes(alg, privateKey, input),
    verifies: (signature: Buffer, bytes = input) => verifyAsync(alg, key, bytes, signature),
    joseVerifies: (signature: Buffer, bytes = input) =>
      compactVerify(`${bytes}.${base64url(signature)}`, oracle).then(
        () => true,
        () => false,
      ),
  }
}

it.each(['PS256', 'PS384', 'PS512'] as const)(
  '%s: refuses a signature without its leading zero octet',
  async (alg) => {
    const { verifies, privateKey, input } = await verifiersFor(alg)
    const signature = signPss(alg, privateKey, input, true)
    expect(await verifies(signature)).toBe(true)
    expect(await verifies(signature.subarray(1))).toBe(false)
  },
)

describe.each([...allAlgorithms])('%s', (alg) => {
  it('verifies what node:crypto signed, as jose does', async () => {
    const { verifies, joseVerifies, good } = await verifiersFor(alg)
    expect([await verifies(good), await joseVerifies(good)]).toEqual([true, true])
  })

  it('agrees with jose on every altered signature', async () => {
    const { verifies, joseVerifies, good, privateKey, input } = await verifiersFor(alg)
    const accepted: string[] = []
    for (const [name, signature] of alteredSignatures(alg, good, privateKey, input)) {
      const valid = await verifies(signature)
      expect([name, valid]).toEqual([name, await joseVerifies(signature)])
      if (valid) accepted.push(name)
    }
    const salt = { PS256: ['PSS with a salt of 32'], PS512: ['PSS with a salt of 64'] }[
      alg as string
    ]
    const alsoValid = alg.startsWith('RS')
      ? ['PKCS1']
      : alg.startsWith('ES')
        ? ['s negated, which is valid in ECDSA']
        : []
    expect(accepted).toEqual(salt ?? alsoValid)
  })

  it('refuses a signature over changed bytes, as jose does', async () => {
    const { verifies, joseVerifies, good, input } = await verifiersFor(alg)
    for (const bytes of [Buffer.concat([input, Buffer.from('A')]), input.subarray(0, -4)]) {
      expect([await verifies(good, bytes), await joseVerifies(good, bytes)]).toEqual([false, false])
    }
  })

  it('verifies a whole token if its key is published for the algorithm', async () => {
    const key = { ...keyOf(alg), alg }
    const own = createApi({ issuer: { issuer: 'https://as.test', jwks: { keys: [key.jwk] } } })
    const other =
      getAlgorithm(alg).keyType.kty === 'RSA' ? ps1.privateKey : makeKey(alg, 'other').privateKey
    const token = t0({}, {}, key)
    expect((await own.accepts(token)).header?.alg).toBe(alg)
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
  it.each(shapes)('accepts R and S where one %s, as jose does', async (_, fits) => {
    const { verifies, joseVerifies, privateKey, input } = await verifiersFor(alg)
    const half = (getAlgorithm(alg).signatureLength as number) / 2
    for (const part of [0, half]) {
      // One in 512 has the rarest form: the probability that none of 20,000 has it is 10^-16.
      let signature = signBytes(alg, privateKey, input)
      for (let tries = 0; tries < 20_000 && !fits(signature.subarray(part)); tries++) {
        signature = signBytes(alg, privateKey, input)
      }
      expect(fits(signature.subarray(part))).toBe(true)
      expect([await verifies(signature), await joseVerifies(signature)]).toEqual([true, true])
    }
  })
})

function keyOf(alg: Algorithm) {
  const { kty, crv } = getAlgorithm(alg).keyType
  const { privateKey, jwk } = keyPairs[crv ?? kty] as (typeof keyPairs)[string]
  return { privateKey, jwk: { ...jwk, alg, kid: 'k' } }
}

describe('a verification', () => {
  it('resolves to false for any octets, and never rejects', async () => {
    const key = importJwk(rsa1.jwk) as VerificationKey
    for (let length = 0; length < 600; length += 7) {
      expect(await verifyAsync('RS256', key, Buffer.alloc(9), Buffer.alloc(length, 0xfe))).toBe(
        false,
      )
    }
  })

  it('resolves to false if the key does not fit the algorithm, and never rejects', async () => {
    for (const alg of allAlgorithms) {
      for (const jwk of jwks.keys) {
        const key = importJwk(jwk) as VerificationKey
        const { signatureLength = key.modulusLength } = getAlgorithm(alg)
        const valid = await verifyAsync(alg, key, Buffer.alloc(9), Buffer.alloc(signatureLength, 1))
        expect(valid).toBe(false)
      }
    }
  })

  it('waits for a free thread when all are busy (PS, ES, EdDSA)', async () => {
    const onPool = allAlgorithms.filter((alg) => getAlgorithm(alg).maxModulusInPlace < 0)
    expect(onPool).toEqual(allAlgorithms.filter((alg) => !alg.startsWith('RS')))
    const release = await occupyThreadPool()
    let settled = 0
    let results: Promise<boolean[]>
    try {
      results = Promise.all(
        onPool.map(async (alg) => {
          const key = keyOf(alg)
          const input = Buffer.from('input')
          const signature = signBytes(alg, key.privateKey, input)
          const valid = await verifyAsync(
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
    expect(await results).toEqual(onPool.map(() => true))
  })

  it('runs in place with an RSA key of 2048 bits, and on the thread pool with a longer one', async () => {
    const input = Buffer.from('input')
    const results: unknown[] = []
    for (const modulusLength of [2048, 3072]) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
      const key = importJwk(publicKey.export({ format: 'jwk' })) as VerificationKey
      const signature = signBytes('RS256', privateKey, input)
      await new Promise(setImmediate)
      results.push(verifyWithKey('RS256', key, input, signature))
    }
    expect(results).toEqual([true, expect.any(Promise)])
    expect(await results[1]).toBe(true)
  })
})

/** Blocks every thread of libuv's pool until the returned function is called. */
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

describe('a key that Node refuses without calling back', () => {
  it.each([
    ['RS256', rsa1, 256],
    ['ES256', ec1, 64],
  ] as const)('verifies no signature: %s', async (alg, { jwk }, length) => {
    const keyObject = createSecretKey(Buffer.alloc(32))
    const key = { ...(importJwk(jwk) as VerificationKey), keyObject }
    const signature = Buffer.alloc(length, 1)
    expect(await verifyWithKey(alg, key, Buffer.from('a.b'), signature)).toBe(false)
  })
})
