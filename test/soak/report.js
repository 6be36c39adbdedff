// @ts-check
/** The report of a soak: one line per minute, and whether the heap grew. */

/**
 * @typedef {object} Minute
 * @property {number} requests
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number} heap bytes after a garbage collection
 * @property {number} resident bytes
 * @property {number} delayP99 milliseconds
 */

const mebibytes = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1)
const line = (/** @type {readonly unknown[]} */ cells) => `| ${cells.join(' | ')} |`

/** @param {number} interval milliseconds of a line */
export function createMinuteTable(interval) {
  const head = [
    'minute',
    'requests',
    'p50, ms',
    'p99, ms',
    'heap after GC, MiB',
    'resident, MiB',
    'event loop delay p99, ms',
  ]
  return {
    head: `${line(head)}\n${line(head.map(() => '---:'))}`,
    /** @param {number} index @param {Minute} minute */
    row: (index, { requests, p50, p99, heap, resident, delayP99 }) =>
      line([
        Number((((index + 1) * interval) / 60_000).toFixed(2)),
        requests.toLocaleString('en-US'),
        p50.toFixed(1),
        p99.toFixed(1),
        mebibytes(heap),
        mebibytes(resident),
        delayP99.toFixed(1),
      ]),
  }
}

/** How much larger the heap of the last quarter may be than that of the second. */
const tolerated = 1.1
/** Shorter runs end while caches are still being filled. */
const fewestMinutes = 8

/**
 * Compares the heap of the last quarter with that of the second: the caches are full by then.
 *
 * @param {readonly Pick<Minute, 'heap'>[]} minutes
 */
export function describeHeap(minutes) {
  if (minutes.length < fewestMinutes) {
    return { isFlat: true, text: `Too short to compare the heap: ${fewestMinutes} minutes.` }
  }
  const quarter = Math.floor(minutes.length / 4)
  const second = mean(minutes.slice(quarter, 2 * quarter))
  const last = mean(minutes.slice(-quarter))
  const ratio = last / second
  const text = `Heap of the last quarter: ${mebibytes(last)} MiB, ${ratio.toFixed(2)} × that of the second (at most ${tolerated}).`
  return { isFlat: ratio <= tolerated, text }
}

/** @param {readonly Pick<Minute, 'heap'>[]} minutes */
const mean = (minutes) => minutes.reduce((sum, { heap }) => sum + heap, 0) / minutes.length
