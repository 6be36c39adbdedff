/**
 * @module Marks the tokens in the cache, in a table of one octet per mark: a token without a mark need not be looked
 * up. Some tokens share a mark, and every 255 periods all marks are removed. So `has` can be wrong, and only speed
 * may depend on it. The table contains nothing of the tokens. Its size is fixed.
 */

export interface TokenMarks {
  /** Returns whether the token was added in this period or the previous one. */
  readonly has: (token: string) => boolean
  readonly add: (token: string) => void
  readonly startPeriod: () => void
}

/** With 16, at most one of eight other tokens shares its mark with a token of this period or the previous one. */
const marksPerToken = 16

/** How many characters at the end of a token select its mark. They belong to the signature or, in a JWE, to the tag. */
const readLength = 8

/** @param tokensPerPeriod How many tokens are added in one period, at most. */
export function createTokenMarks(tokensPerPeriod: number): TokenMarks {
  // A power of two, so that a bit mask limits the index.
  const size = 2 ** Math.ceil(Math.log2(tokensPerPeriod * marksPerToken))
  /** The period in which each mark was made last; 0: in none. */
  const periods = new Uint8Array(size)
  let period = 1

  function findMark(token: string): number {
    let hash = 0
    for (let index = token.length - readLength; index < token.length; index++) {
      hash = Math.imul(hash, 31) + token.charCodeAt(index)
    }
    return hash & (size - 1)
  }

  return {
    has(token) {
      const marked = periods[findMark(token)] as number
      return marked !== 0 && marked >= period - 1
    },
    add(token) {
      periods[findMark(token)] = period
    },
    startPeriod() {
      if (period === 255) periods.fill(0)
      period = (period % 255) + 1
    },
  }
}
