/**
 * Runs a property in batches until its time is over, from a seed that repeats them: the same budget
 * and seed give the same mutations. Keys are new in each process, so a counterexample is printed whole.
 */
import fc, { type IAsyncPropertyWithHooks } from 'fast-check'

export interface Property {
  // biome-ignore lint/suspicious/noExplicitAny: properties of every kind of input
  readonly property: IAsyncPropertyWithHooks<any>
  /** How many inputs were tried. */
  readonly inputs: () => number
  /** Says what was seen. Throws where the inputs were too much of one kind to prove anything. */
  readonly summary: () => string
  readonly close?: () => Promise<void>
}

/** @param strict Whether time is measured too. */
export type MakeProperty = (strict: boolean) => Promise<Property> | Property

export interface Budget {
  readonly seed: number
  /** Inputs in one batch. */
  readonly batch: number
  /** 0: one batch. */
  readonly seconds: number
}

/** No input may take longer than this, whatever the machine is busy with. */
const hang = 10_000

/** @returns One line: how many inputs, how fast, what was seen. Throws at the first failure. */
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
