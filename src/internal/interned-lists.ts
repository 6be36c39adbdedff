/**
 * @module Caches lists that many tokens have in common. Saves time for each new token, and memory for
 * each cached token.
 */

const maxTexts = 100
const maxTextLength = 256

/**
 * Returns a function that caches the frozen results of `createList` for up to 100 texts of up to 256
 * characters.
 */
export function sharedLists(
  createList: (text: string) => string[],
): (text: string) => readonly string[] {
  const lists = new Map<string, readonly string[]>()
  return (text) => {
    const cached = lists.get(text)
    if (cached !== undefined) return cached
    const list = Object.freeze(createList(text))
    if (text.length > maxTextLength) return list
    if (lists.size >= maxTexts) lists.clear()
    lists.set(text, list)
    return list
  }
}
