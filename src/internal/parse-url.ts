/**
 * @module Parses URLs without an exception. Not with `URL.canParse`: in optimized code of Node 20 and 22 it
 * refuses every text with a character from U+0080 to U+00FF, such as the host of `https://bücher.example`.
 */

/** Returns the parsed URL; `undefined` for text that is not a URL, relative to `base` if there is one. */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}
