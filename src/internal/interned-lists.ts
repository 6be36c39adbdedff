/**
 * @module Lists that many tokens have in common: made once for each text, frozen, and shared. Saves
 * time with each new token, and memory with each cached one.
 */

const maxTexts = 100
const maxTextLength = 256

/** Keeps what `make` makes of a text: of 100 texts at most, none longer than 256 characters. */
export function sharedLists(make: (text: string) => string[]): (text: string) => readonly string[] {
  const lists = new Map<string, readonly string[]>()
  return (text) => {
    const known = lists.get(text)
    if (known !== undefined) return known
    const list = Object.freeze(make(text))
    if (text.length > maxTextLength) return list
    if (lists.size >= maxTexts) lists.clear()
    lists.set(text, list)
    return list
  }
}
