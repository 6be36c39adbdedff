/**
 * @module A store of used DPoP proofs in Redis or Valkey, `oauth-resource-server/redis`, for APIs that
 * run in more than one process. Imports no client: the application passes one function.
 */
import type { ReplayStore } from '../options/dpop.ts'

export interface RedisReplayStoreOptions {
  /**
   * Sends one command, its arguments in order, and resolves to the reply:
   *
   * - node-redis: `(...args) => client.sendCommand(args)`
   * - a cluster of node-redis: `(...args) => cluster.sendCommand(args[1], false, args)`
   * - ioredis, iovalkey and their clusters: `(name, ...args) => client.call(name, ...args)`
   */
  readonly sendCommand: (...args: string[]) => Promise<unknown>
  /** @defaultValue 'dpop:' */
  readonly prefix?: string | undefined
}

/**
 * Creates a replay store for `dpop.replayStore`. One atomic `SET NX` decides whether a proof is used for the
 * first time. The server drops the key when the proof is too old.
 *
 * `claim` rejects if the command fails or its reply is neither OK nor null, for example if Redis is out of
 * memory or read-only. The validator then responds with 503. `claim` does not limit how long a command
 * takes: the validator waits one second. Redis must not evict keys: an evicted key makes its proof usable
 * again (`maxmemory-policy noeviction`).
 *
 * @throws TypeError for an option that is missing or malformed
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-11.1 | RFC 9449, section 11.1}
 */
export function redisReplayStore(options: RedisReplayStoreOptions): ReplayStore {
  const { sendCommand, prefix = 'dpop:' } = (options ?? {}) as RedisReplayStoreOptions
  if (typeof sendCommand !== 'function') {
    throw new TypeError('redisReplayStore takes sendCommand, a function that sends a command')
  }
  if (typeof prefix !== 'string') throw new TypeError('redisReplayStore: prefix must be a string')
  return {
    async claim(key, seconds) {
      const milliseconds = Math.max(1, Math.ceil(seconds * 1000))
      const reply = await sendCommand('SET', prefix + key, '1', 'NX', 'PX', String(milliseconds))
      // The reply to SET NX is OK, or null if the key exists.
      if (reply === null) return false
      if (String(reply) === 'OK') return true
      throw new Error('Redis did not reply to SET with OK or null')
    },
  }
}
