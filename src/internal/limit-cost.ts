/** @module Limits the cost of trying several keys for one token. */

/** Selects the first candidates, as many as cost `maxCost` at most in total. */
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
