/**
 * Runs a property in batches for a given time. The same seed and batch size produce the same mutations.
 * Keys are new in each process, so a counterexample is printed in full.
 */
import fc, { type IAsyncPropertyWithHooks } from 'fast-check'

export interface Property {
  // biome-ignore lint/suspicious/noExplicitAny: properties of every kind of input
  readonly property: IAsyncPropertyWithHooks<any>
  /** The number of inputs so far. */
  readonly inputs: () => number
  /** Describes the results. Throws if too many inputs had the same result. */
  readonly summary: () => string
  readonly close?: () => Promise<void>
}

/** @param strict Whether durations are checked too. */
export type MakeProperty = (strict: boolean) => Promise<Property> | Property

export interface Budget {
  readonly seed: number
  /** The number of inputs in a batch. */
  readonly batch: number
  /** 0: one batch. */
  readonly seconds: number
}

/** The maximum duration of one input on a busy machine, in milliseconds. */
const hang = 10_000

/** @returns One line with the number of inputs, their rate and the results. Throws at the first failure. */
export async function run(name: string, make: MakeProperty, budget: Budget): Promise<string> {
  const { property, inputs, summary, close } = await make(budget.seconds > 0)
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  try {
    for (let seed = budget.seed; inputs() === 0 || elapsed() < budget.seconds; seed++) {
      const result = await fc.check(property, { seed, numRuns: budget.batch, timeout: hang })
      if (result.failed) {
        const cause = result.errorInstance
        throw new Error(
          `${name}: input ${inputs()} failed, shrunk ${result.numShrinks} times; ` +
            `npm run fuzz -- --seed ${seed} begins with it\n` +
            `${fc.stringify(result.counterexample?.[0]).replaceAll('__proto__:null,', '')}\n${(cause as Error)?.stack ?? cause}`,
        )
      }
    }
    const rate = Math.round(inputs() / elapsed())
    return `${name}: ${inputs()} inputs, ${rate}/s; ${summary()}`
  } finally {
    await close?.()
  }
}
