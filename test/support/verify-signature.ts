import type { Algorithm, VerificationKey } from '../../src/signature/algorithms.ts'
import { verifyWithKey } from '../../src/signature/verify.ts'

export async function verifySignature(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): Promise<boolean> {
  return verifyWithKey(algorithm, key, signingInput, signature)
}
