/**
 * @module Verifies signatures of tokens and of DPoP proofs in the turn of their issuer, so that many
 * signatures of one issuer do not delay those of another. Issuers without a verified token share one turn.
 */
import type { Buffer } from 'node:buffer'
import { ServiceUnavailableError } from '../errors.ts'
import {
  createFairQueue,
  type FairQueue,
  type QueuedTask,
  QueueFullError,
} from '../internal/fair-queue.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { printable } from '../internal/printable.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import { verifyWithKey } from '../signature/verify.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/**
 * The maximum number of verifications in progress: enough that the thread pool has work while the next ones are
 * collected (see `scheduler.ts`). Even if many verifications of one issuer wait, the next one of another issuer
 * waits only for those in progress and for one of each waiting issuer.
 */
const maxRunning = 32
/** The maximum number of waiting verifications of one issuer. */
const maxWaiting = 1_000

/** The members of an issuer that decide when it has its turn. */
export type VerificationOwner = Pick<TrustedIssuer, 'issuer' | 'status' | 'verifications'>

/** Creates the queue that all issuers of a validator share. */
export function createVerificationQueue(): FairQueue {
  return createFairQueue({ running: maxRunning, waiting: maxWaiting })
}

/**
 * Verifies a signature: in the turn of its issuer, or immediately if only one issuer is listed.
 *
 * @param isContinuation Whether another key of the same set was tried before for the same token. Such a
 * verification is never refused.
 * @throws ServiceUnavailableError, by rejecting, if too many signatures wait for the same turn.
 */
export function verifyInTurn(
  { issuer, status, verifications }: VerificationOwner,
  algorithm: Algorithm,
  key: VerificationKey,
  input: Buffer,
  signature: Buffer,
  isContinuation: boolean,
): MaybePromise<boolean> {
  if (verifications === undefined) return verifyWithKey(algorithm, key, input, signature)
  return new Promise((resolve, reject) => {
    const task: QueuedTask = (release) => {
      const finish = (isValid: boolean) => {
        release()
        resolve(isValid)
      }
      const verified = verifyWithKey(algorithm, key, input, signature)
      if (!isPromise(verified)) {
        finish(verified)
        return
      }
      // Rejects only if the runtime fails, for example if `setImmediate` was replaced by a function that throws.
      verified.then(finish, (error) => {
        release()
        reject(error)
      })
    }
    // One turn for all issuers without a verified token, because an attacker can name any number of them.
    const owner = status.verified ? issuer : ''
    if (verifications.run(owner, task, isContinuation)) return
    const owners = status.verified ? 'this issuer' : 'issuers without a verified token'
    const hint = `too many signatures of ${owners} wait to be verified`
    const detail = { issuer: printable(issuer), hint }
    reject(new ServiceUnavailableError('keys', 1, detail, new QueueFullError()))
  })
}
