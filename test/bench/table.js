/** @module Numbers as Markdown. */

/** @param {readonly number[]} values */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  const median = sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN }
}

/** @param {readonly number[]} values */
export const median = (values) => spread(values).median

/** Three digits that count: 41,300 · 318 · 7.95 · 0.412. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** `median (min–max)` @param {readonly number[]} values @param {(value: number) => string} [format] */
export function range(values, format = figure) {
  if (values.length === 0) return '–'
  const { median, min, max } = spread(values)
  return `${format(median)} (${format(min)}–${format(max)})`
}

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
export function markdown(head, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map(line).join('\n')
}
