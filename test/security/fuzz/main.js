/**
 * `npm run fuzz -- --seconds 600 [--seed N] [--only words of a title]`: the properties of
 * test/security/fuzz.test.ts, for the given time. Prints the first failure and exits with 1.
 */
import { parseArgs } from 'node:util'
import { startVitest } from 'vitest/node'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
if (!(seconds > 0) || !Number.isInteger(seed)) {
  throw new TypeError('--seconds takes a number above 0, --seed a whole number')
}
process.env.FUZZ_SECONDS = String(seconds)
process.env.FUZZ_SEED = String(seed)
console.log(`seed ${seed}, ${seconds} s`)

// Sets the exit code on failure, also for unhandled errors.
const vitest = await startVitest('test', ['test/security/fuzz.test.ts'], {
  watch: false,
  bail: 1,
  disableConsoleIntercept: true,
  ...(values.only !== undefined && { testNamePattern: values.only }),
})
await vitest.close()
