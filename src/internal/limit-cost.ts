/** @module Limits what the attempts with several keys may cost. */

/**
 * Selects the first candidates whose costs add up to `maxCost` at most. Stops at the first one that exceeds
 * it.
 */
export function limitCost<T>(
  candidates: readonly T[],
  maxCost: number,
  readCost: (candidate: T) => number,
): readonly T[] {
  let cost = 0
  return candidates.filter((candidate) => {
    cost += readCost(candidate)
    return cost <= maxCost
  })
}
