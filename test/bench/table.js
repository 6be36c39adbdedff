/** @module Formats numbers as Markdown tables. */

/** Minimum, lower quartile, median, upper quartile, maximum. @param {readonly number[]} values */
export function fiveNumbers(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const position = share * (sorted.length - 1)
    const lower = sorted[Math.floor(position)] ?? NaN
    const upper = sorted[Math.ceil(position)] ?? NaN
    return lower + (upper - lower) * (position % 1)
  })
}

/** @param {readonly number[]} values */
export const median = (values) => fiveNumbers(values)[2] ?? NaN

/** Formats a number with three significant digits: 41,300 · 318 · 7.95 · 0.412. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** `median (min–max)` @param {readonly number[]} values @param {(value: number) => string} [format] */
export function range(values, format = figure) {
  if (values.length === 0) return '–'
  const [min = NaN, , middle = NaN, , max = NaN] = fiveNumbers(values)
  return `${format(middle)} (${format(min)}–${format(max)})`
}

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
export function markdown(head, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map(line).join('\n')
}
