/**
 * @module Connects the decryption of tokens with the issuers: whose keys are tried, and which issuers send
 * only encrypted JWTs.
 */
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import { createFairQueue, QueueFullError } from '../internal/fair-queue.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { TrustedIssuers } from '../issuer/trusted-issuers.ts'
import type { ResolvedOptions } from '../options/resolve.ts'
import type { Claims } from '../token/claim.ts'
import {
  type DecryptedToken,
  decryptToken,
  isEncrypted,
  type RunInTurn,
  readUnverifiedIssuer,
  validateNestedClaims,
} from '../token/jwe.ts'

/** Decrypts a token. Returns `undefined`, without a promise, for a token that is not encrypted. */
export type DecryptToken = (token: string) => Promise<DecryptedToken> | undefined

/**
 * The maximum numbers of decryptions in progress and waiting. Two in progress leave the other threads of
 * the pool to signatures. A hundred waiting ones are done within about a second.
 */
const limits = { running: 2, waiting: 100 }

/** @returns `undefined` if the issuers are listed and none has decryption keys. */
export function createDecryption(
  settings: ResolvedOptions['issuers'],
  issuers: TrustedIssuers,
): DecryptToken | undefined {
  const inTurn = createDecryptionQueue()
  if (typeof settings === 'function') {
    return (token) =>
      isEncrypted(token) ? decryptForNamedIssuer(token, issuers, inTurn) : undefined
  }
  const keys = settings.flatMap(({ decryptionKeys }) => decryptionKeys ?? [])
  if (keys.length === 0) return undefined
  return (token) => (isEncrypted(token) ? decryptToken(token, keys, inTurn) : undefined)
}

/** Limits the decryptions of a validator: anyone can send encrypted tokens. */
function createDecryptionQueue(): RunInTurn {
  const queue = createFairQueue(limits)
  return (work) =>
    new Promise((resolve, reject) => {
      // One owner for all: decryptions run in the order of arrival, and none continues an earlier one.
      const isAccepted = queue.run(
        '',
        (release) => runTask(work, release).then(resolve, reject),
        false,
      )
      if (isAccepted) return
      const hint = 'too many encrypted tokens wait to be decrypted'
      reject(new ServiceUnavailableError('keys', 1, { hint }, new QueueFullError()))
    })
}

async function runTask<T>(work: () => Promise<T>, release: () => void): Promise<T> {
  try {
    return await work()
  } finally {
    // Not immediately: decryptions that fail on the main thread would follow each other without a pause.
    setImmediate(release)
  }
}

/**
 * Decrypts a token if the option `issuer` is a function. The function gets the issuer's name, so the name must
 * also be in the header, which is not encrypted (RFC 7519 §5.3). The name only selects the keys: a token whose
 * signed JWT is from another issuer is refused.
 */
async function decryptForNamedIssuer(
  token: string,
  issuers: TrustedIssuers,
  inTurn: RunInTurn,
): Promise<DecryptedToken> {
  const iss = readUnverifiedIssuer(token)
  if (iss === undefined) {
    const hint = 'the header of the encrypted token has no iss, by which its issuer could be found'
    throw new InvalidTokenError('encrypted', { hint })
  }
  const { decryptionKeys } = await issuers.findIssuer(iss)
  if (decryptionKeys !== undefined) return decryptToken(token, decryptionKeys, inTurn)
  throw new InvalidTokenError('encrypted', { hint: 'the issuer has no decryptionKeys' })
}

/**
 * Validates that a JWT was encrypted if its issuer has `decryptionKeys`, and that the encrypted token and
 * the JWT in it agree.
 *
 * @param decrypted `undefined` for a token that was not encrypted.
 * @throws InvalidTokenError
 */
export function validateEncryption(
  decrypted: DecryptedToken | undefined,
  claims: Claims,
  { decryptionKeys }: TrustedIssuer,
): void {
  if (decrypted !== undefined) {
    validateNestedClaims(decrypted, claims)
  } else if (decryptionKeys !== undefined) {
    // RFC 9068 §4: where encryption was agreed on, a token that is not encrypted should be rejected.
    const hint = 'the issuer has decryptionKeys, so its tokens must be encrypted'
    throw new InvalidTokenError('not_encrypted', { hint })
  }
}
