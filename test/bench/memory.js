/**
 * @module One process that verifies new tokens with ours and reports its memory. Run with --expose-gc.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { contenderOf } from './contenders.js'
import { createSigner } from './tokens.js'

/** @typedef {{ tokens: number, before: Held, after: Held }} MemorySample before and after a garbage collection */
/** @typedef {{ heap: number, rss: number }} Held bytes */

const { file, count, steps } = JSON.parse(process.argv[2] ?? '')
const { setup, key } = JSON.parse(readFileSync(file, 'utf8'))
const privateKey = createPrivateKey({ key: key.privateJwk, format: 'jwk' })
const signToken = createSigner(setup.algorithm, { ...key, privateKey }, setup.issuer)
const verify = await contenderOf('ours').createVerify(setup)
await verify(await signToken())

/** @returns {Held} */
const held = () => {
  const { heapUsed: heap, rss } = process.memoryUsage()
  return { heap, rss }
}

/** @returns {Promise<MemorySample>} */
async function sample(/** @type {number} */ tokens) {
  const before = held()
  await sleep(50)
  globalThis.gc?.()
  return { tokens, before, after: held() }
}

let done = 0
/** @param {number} target */
async function worker(target) {
  while (done < target) {
    done++
    const token = await signToken()
    await verify(Buffer.from(token, 'latin1').toString('latin1'))
  }
}

const samples = [await sample(0)]
for (let step = 1; step <= steps; step++) {
  const target = (count * step) / steps
  await Promise.all(Array.from({ length: 64 }, () => worker(target)))
  samples.push(await sample(target))
}
process.send?.(samples, () => process.exit())
