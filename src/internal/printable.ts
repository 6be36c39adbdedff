/** @module Makes untrusted values safe to print in logs, events and error details. */

const maxPrinted = 200
// Control characters, bidirectional marks, lone surrogates, line and paragraph separators.
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

// The most common case: short printable ASCII needs no replacement.
const clean = /^[\x20-\x7e]{0,200}$/

/** Converts an untrusted value to text that is safe in a log line: one line, 200 characters at most. */
export function printable(value: unknown): string {
  if (typeof value === 'string') {
    return clean.test(value) ? value : value.slice(0, maxPrinted).replace(unprintable, '?')
  }
  if (Array.isArray(value)) {
    const items = value.slice(0, 10).map((item) => (typeof item === 'string' ? item : typeof item))
    return printable(items.join(' '))
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : typeof value
}

/**
 * Returns whether a text has no character that {@link printable} replaces, so that the text is safe in a
 * log line and as the label of a metric.
 */
export function isPrintable(text: string): boolean {
  return text.search(unprintable) === -1
}

/** Returns a hint if two identifiers differ only by one slash at the end. */
export function slashHint(expected: string, actual: string): string | undefined {
  if (expected !== `${actual}/` && actual !== `${expected}/`) return undefined
  return 'expected and actual differ only by the slash at the end: configure exactly what the issuer sends'
}
