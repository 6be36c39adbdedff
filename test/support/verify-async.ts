import type { Algorithm, VerificationKey } from '../../src/signature/algorithms.ts'
import { verifyWithKey } from '../../src/signature/verify.ts'

/** Verifies a signature as `verifyWithKey` does, and always returns a promise. */
export async function verifyAsync(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): Promise<boolean> {
  return verifyWithKey(algorithm, key, signingInput, signature)
}
