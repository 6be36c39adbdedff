// @ts-check
/** Draws the requests of a soak, and counts them. */
import { dpopKinds, jwtKinds, outageKinds } from './kinds.js'
import { pick } from './pool.js'

/** @typedef {import('./kinds.js').Kind} Kind */
/** @typedef {import('./kinds.js').Sendable} Sendable */

/** @param {import('./kinds.js').Context} context */
export function createRequests(context) {
  const kinds = [...jwtKinds(context), ...outageKinds(context), ...dpopKinds(context)]
  /** @type {Kind[]} */
  const drawn = kinds.flatMap((kind) => Array(kind.weight).fill(kind))
  /** @type {Map<string, number>} */
  const counts = new Map(kinds.map(({ title }) => [title, 0]))
  return {
    /** @returns {Promise<Sendable & { kind: Kind }>} */
    async next() {
      const kind = pick(drawn)
      if (kind.isSent?.(context.timeline.now()) === false) return await this.next()
      counts.set(kind.title, (counts.get(kind.title) ?? 0) + 1)
      return { kind, ...(await kind.make()) }
    },
    /** How many requests of each kind there were. */
    describe: () =>
      [...counts].map(([title, count]) => `${String(count).padStart(9)}  ${title}`).join('\n'),
  }
}
