import type { Algorithm, VerificationKey } from '../../src/signature/algorithms.ts'
import { verifyWithKey as verifyWithCallback } from '../../src/signature/verify.ts'

export function verifySignature(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): Promise<boolean> {
  return new Promise((resolve) => {
    verifyWithCallback(algorithm, key, signingInput, signature, resolve)
  })
}
