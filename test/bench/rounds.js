/**
 * @module Measures in rounds: every contender once per round. Repeats a sample during which the host of a
 * virtual machine gave the CPU to others.
 */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from './table.js'

/**
 * @typedef {object} Undisturbed
 * @property {number} stolen the share of the CPU time that the host gave to others, 0 to 1
 * @property {number} repeated how many times it was measured again, because more than 2 % were stolen
 */
/** @template S @typedef {Record<string, (S & Undisturbed)[]>} Rounds the samples of each contender, one per round */

const tolerated = 0.02
/** The pause before a sample is repeated, in milliseconds, because disturbances last. */
const pause = 200

/**
 * @template {object} S
 * @param {{ rounds: number, patience: number }} run
 * @param {readonly string[]} names
 * @param {(name: string) => Promise<S>} measure
 * @returns {Promise<Rounds<S>>}
 */
export async function measureRounds({ rounds: count, patience }, names, measure) {
  /** @type {Rounds<S>} */
  const rounds = Object.fromEntries(names.map((name) => [name, []]))
  let left = Math.round(patience * count * names.length)
  for (let round = 0; round < count; round++) {
    for (const name of shuffled(names)) {
      let sample = await watched(() => measure(name))
      for (let repeated = 1; sample.stolen > tolerated && left > 0; repeated++, left--) {
        await sleep(pause)
        sample = { ...(await watched(() => measure(name))), repeated }
      }
      rounds[name]?.push(sample)
    }
  }
  return rounds
}

/** Rounds per process. The memory layout of a process affects all of its samples. */
const roundsPerProcess = 8

/**
 * Measures many rounds in parts, each with new processes.
 *
 * @template S
 * @template {{ rounds: number }} R
 * @param {R} run
 * @param {(run: R) => Promise<Record<string, Rounds<S>>>} measure starts and ends its processes
 * @returns {Promise<Record<string, Rounds<S>>>} by workload
 */
export async function inNewProcesses(run, measure) {
  /** @type {Record<string, Rounds<S>>} */
  const all = {}
  for (let left = run.rounds; left > 0; left -= roundsPerProcess) {
    const some = await measure({ ...run, rounds: Math.min(left, roundsPerProcess) })
    for (const [workload, rounds] of Object.entries(some)) {
      all[workload] ??= Object.fromEntries(Object.keys(rounds).map((name) => [name, []]))
      for (const [name, samples] of Object.entries(rounds)) all[workload][name]?.push(...samples)
    }
  }
  return all
}

/** Returns the list in random order, so that no contender always follows the same one. @template T @param {readonly T[]} list */
const shuffled = (list) =>
  list
    .map((item) => /** @type {const} */ ([Math.random(), item]))
    .sort(([first], [second]) => first - second)
    .map(([, item]) => item)

/** @param {Rounds<object>} rounds */
export function describeHost(rounds) {
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`
  const samples = Object.values(rounds).flat()
  const stolen = samples.map((sample) => sample.stolen)
  const repeated = samples.reduce((sum, sample) => sum + sample.repeated, 0)
  const again =
    repeated > 0 ? ` Measured again, above ${percent(tolerated)}: ${repeated} times.` : ''
  return `Of the CPU time the host gave ${percent(median(stolen))} to others (median; at most ${percent(Math.max(...stolen))}).${again}`
}

/** @template {object} S @param {() => Promise<S>} measure @returns {Promise<S & Undisturbed>} */
async function watched(measure) {
  const before = ticks()
  const sample = await measure()
  const after = ticks()
  const all = after.all - before.all
  return { ...sample, stolen: all > 0 ? (after.stolen - before.stolen) / all : 0, repeated: 0 }
}

const statistics = '/proc/stat'

/** The stolen and the total time of all CPUs since they started; 0 on systems without /proc/stat. */
function ticks() {
  if (!existsSync(statistics)) return { stolen: 0, all: 0 }
  const [line = ''] = readFileSync(statistics, 'latin1').split('\n', 1)
  // user nice system idle iowait irq softirq steal. The values after these are part of the first two.
  const counts = line.trim().split(/\s+/).slice(1, 9).map(Number)
  return { stolen: counts[7] ?? 0, all: counts.reduce((sum, count) => sum + count, 0) }
}
