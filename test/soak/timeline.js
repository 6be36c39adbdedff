// @ts-check
/**
 * What happens to the authorization server during a soak: in each period there is a new signing key, and
 * later an outage. In every second period the old keys are withdrawn. The state of the moment decides which
 * responses are right.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {'up' | 'failing' | 'down' | 'recovering'} Availability `failing`, `recovering`: the API may or may not have noticed the change
 */
/**
 * @typedef {object} Moment
 * @property {number} generation of the keys: tokens of an earlier one are not valid
 * @property {Availability} keys
 * @property {Availability} introspection
 * @property {boolean} cached whether results of introspections from before the outage may still be cached
 */

/**
 * Three minutes, because a validator looks for unknown keys 4 times in a burst and then twice a minute:
 * tokens in flight, whose key is withdrawn, use up the burst.
 */
const longestPeriod = 180_000
/** A validator tries again within a minute after an outage. */
const longestRecovery = 75_000

/** @typedef {ReturnType<typeof createTimeline>} Timeline */

/**
 * @param {object} options
 * @param {import('oauth-resource-server/testing').TestIssuer} options.issuer
 * @param {number} options.introspectionMaxAge seconds
 * @param {number} options.duration milliseconds
 */
export function createTimeline({ issuer, introspectionMaxAge, duration }) {
  const period = Math.min(longestPeriod, duration)
  /** @type {Moment} */
  let state = { generation: 0, keys: 'up', introspection: 'up', cached: true }
  const counts = { rotations: 0, outages: 0, longestRecovery: 0 }
  /** @param {Partial<Moment>} changes */
  const change = (changes) => {
    state = { ...state, ...changes }
  }

  async function rotate() {
    const withdraw = counts.rotations++ % 2 === 1
    await issuer.rotate({ withdraw })
    if (withdraw) change({ generation: state.generation + 1 })
  }

  async function beginOutage() {
    change({ keys: 'failing', introspection: 'failing' })
    await issuer.down()
    change({ keys: 'down', introspection: 'down' })
    counts.outages++
  }

  /** @param {() => boolean} isEnded */
  async function endOutage(isEnded) {
    change({ keys: 'recovering', introspection: 'recovering' })
    await issuer.up()
    const start = performance.now()
    const hasRecovered = () => state.keys === 'up' && state.introspection === 'up'
    while (!hasRecovered() && !isEnded()) {
      if (performance.now() - start > longestRecovery) {
        throw new Error(`no recovery after an outage: ${JSON.stringify(state)}`)
      }
      await sleep(10)
    }
    change({ cached: true })
    counts.longestRecovery = Math.max(counts.longestRecovery, performance.now() - start)
  }

  return {
    now: () => state,
    /** The API has noticed the end of the outage. @param {'keys' | 'introspection'} what @param {Moment} since */
    recovered(what, since) {
      if (state[what] === 'recovering' && since[what] === 'recovering') change({ [what]: 'up' })
    },
    /** @param {() => boolean} isEnded */
    async run(isEnded) {
      const wait = async (/** @type {number} */ share) => {
        const until = performance.now() + share * period
        while (performance.now() < until && !isEnded()) await sleep(10)
        return !isEnded()
      }
      while (await wait(0.15)) {
        await rotate()
        if (!(await wait(0.25))) return
        await beginOutage()
        const outage = 0.15 * period
        const cacheTime = Math.min(outage, 1000 * introspectionMaxAge + 500)
        if (!(await wait(cacheTime / period))) return
        change({ cached: false })
        if (!(await wait((outage - cacheTime) / period))) return
        await endOutage(isEnded)
        if (!(await wait(0.45))) return
      }
    },
    describe: () =>
      `${counts.rotations} rotations, ${counts.outages} outages; at most ` +
      `${(counts.longestRecovery / 1000).toFixed(1)} s until tokens of every kind were accepted again`,
  }
}
