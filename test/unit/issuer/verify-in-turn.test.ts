import { Buffer } from 'node:buffer'
import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { verifyInTurn } from '../../../src/issuer/verify-in-turn.ts'
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
