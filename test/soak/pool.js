// @ts-check
/** Tokens and clients that are used again and again. */

/** @template T @param {readonly T[]} list @returns {T} */
export const pick = (list) => /** @type {T} */ (list[Math.floor(Math.random() * list.length)])

/**
 * Returns a function that makes items until there are `size`, and then returns one of them. With a timeline,
 * a new generation of keys needs new items.
 *
 * @template T
 * @param {number} size
 * @param {() => Promise<T>} make
 * @param {import('./timeline.js').Timeline} [timeline]
 * @param {(items: T[]) => void} [onReplaced] receives the items of the generation before
 */
export function createPool(size, make, timeline, onReplaced) {
  /** @type {T[]} */
  let items = []
  let generation = 0
  return async () => {
    const current = timeline?.now().generation ?? 0
    if (current !== generation) {
      onReplaced?.(items)
      items = []
      generation = current
    }
    const list = items
    if (list.length >= size) return pick(list)
    const item = await make()
    if (list.length < size) list.push(item)
    return item
  }
}
