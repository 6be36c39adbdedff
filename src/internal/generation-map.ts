/**
 * @module A bounded map in two generations. An entry that is read moves to the young generation. When the
 * young generation is full, it replaces the old one, whose entries are dropped. A read costs less than in a
 * map that keeps its entries in the order of use.
 */

export interface GenerationMap<V> {
  readonly get: (key: string) => V | undefined
  /** @param weight The part of the limit that the entry takes. Defaults to 1. */
  readonly set: (key: string, value: V, weight?: number) => void
  readonly delete: (key: string) => void
}

interface Entry<V> {
  readonly value: V
  readonly weight: number
}

/**
 * Creates a map. The entries of each generation weigh half of `maxWeight` at most, but one entry is always
 * held, whatever its weight.
 */
export function createGenerationMap<V>(maxWeight: number): GenerationMap<V> {
  const generationWeight = Math.max(1, Math.floor(maxWeight / 2))
  let young = new Map<string, Entry<V>>()
  let old = new Map<string, Entry<V>>()
  let youngWeight = 0

  function add(key: string, entry: Entry<V>): void {
    youngWeight -= young.get(key)?.weight ?? 0
    young.delete(key)
    if (young.size > 0 && youngWeight + entry.weight > generationWeight) {
      old = young
      young = new Map()
      youngWeight = 0
    }
    young.set(key, entry)
    youngWeight += entry.weight
  }

  return {
    get(key) {
      const entry = young.get(key)
      if (entry !== undefined) return entry.value
      const older = old.get(key)
      if (older === undefined) return undefined
      old.delete(key)
      add(key, older)
      return older.value
    },
    set(key, value, weight = 1) {
      old.delete(key)
      add(key, { value, weight })
    },
    delete(key) {
      youngWeight -= young.get(key)?.weight ?? 0
      young.delete(key)
      old.delete(key)
    },
  }
}
