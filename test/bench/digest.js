/**
 * @module Reduces the samples of a run to the committed figures: five numbers of each figure, and of the
 * ratios within a round.
 */
import { fiveNumbers } from './table.js'

/** The order of the five numbers. */
export const order = ['minimum', 'lower quartile', 'median', 'upper quartile', 'maximum']

/** The figures for which there is a ratio of `ours` to each contender. */
const compared = ['perSecond', 'cpu', 'mainCpu', 'addedCpu', 'delayP99', 'cachedP99']

/**
 * Replaces every list of numbers and every list of samples by five numbers.
 *
 * @param {any} figures
 * @param {any[]} [ours] the samples of ours in the same rounds
 * @returns {any}
 */
export function digest(figures, ours) {
  if (Array.isArray(figures)) {
    if (typeof figures[0] === 'number') return fiveNumbers(figures)
    // Only samples of rounds have `stolen`. The steps of the memory table are kept.
    return 'stolen' in Object(figures[0]) ? digestRounds(figures, ours) : figures
  }
  if (typeof figures !== 'object' || figures === null) return figures
  const entries = Object.entries(figures)
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      digest(value, name === 'ours' ? undefined : figures.ours),
    ]),
  )
}

/** @param {any[]} samples one per round @param {any[]} [ours] */
function digestRounds(samples, ours) {
  /** @param {(key: string) => (sample: any, round: number) => number} read @param {string[]} keys */
  const reduce = (read, keys) =>
    Object.fromEntries(keys.map((key) => [key, fiveNumbers(samples.map(read(key)))]))
  const keys = Object.keys(samples[0])
  const figures = reduce((key) => (sample) => sample[key], keys)
  if (ours === undefined) return figures
  const ratio = reduce(
    (key) => (sample, round) => ours[round][key] / sample[key],
    keys.filter((key) => compared.includes(key) && key in ours[0]),
  )
  return { ...figures, ratio }
}

/** JSON with five significant digits, and a list of values on one line. @param {unknown} content */
export function toJson(content) {
  const short = (/** @type {string} */ _key, /** @type {unknown} */ value) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value
  const text = JSON.stringify(content, short, 2)
  const onOneLine = text.replace(/\[[^[\]{}]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  )
  return `${onOneLine}\n`
}
