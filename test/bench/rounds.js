/**
 * @module Rounds, in each of which every contender is measured once, and what becomes of those that
 * the machine's host disturbed: on a virtual machine, others may get the CPU in the middle of one.
 */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} Disturbance
 * @property {number[]} stolen of each round, the share of the CPU time that the host gave to others, 0 to 1
 * @property {number} repeated rounds that were measured again
 */

/** More than this share, and a round is measured again, if it may. */
const tolerated = 0.02
/** Before it is measured again, in milliseconds: disturbances last. */
const pause = 500

/**
 * @template S
 * @param {{ rounds: number, patience: number }} run
 * @param {readonly string[]} names
 * @param {(name: string) => Promise<S>} measure
 * @returns {Promise<{ rounds: Record<string, S[]>, disturbance: Disturbance }>} the samples of each contender
 */
export async function measureRounds({ rounds: count, patience }, names, measure) {
  /** @type {Record<string, S[]>} */
  const rounds = Object.fromEntries(names.map((name) => [name, []]))
  /** @type {Disturbance} */
  const disturbance = { stolen: [], repeated: 0 }
  while (disturbance.stolen.length < count) {
    const before = ticks()
    /** @type {Map<string, S>} */
    const samples = new Map()
    for (const name of shuffled(names)) samples.set(name, await measure(name))
    const stolen = stolenSince(before)
    if (stolen > tolerated && disturbance.repeated < patience * count) {
      disturbance.repeated++
      await sleep(pause)
      continue
    }
    disturbance.stolen.push(stolen)
    for (const [name, sample] of samples) rounds[name]?.push(sample)
  }
  return { rounds, disturbance }
}

/** In another order each time, so that nobody always comes after the same. @template T @param {readonly T[]} list */
const shuffled = (list) =>
  list
    .map((item) => /** @type {const} */ ([Math.random(), item]))
    .sort(([first], [second]) => first - second)
    .map(([, item]) => item)

/** @param {readonly Disturbance[]} disturbances */
export function tellOf(disturbances) {
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`
  const stolen = disturbances.flatMap((disturbance) => disturbance.stolen).sort((a, b) => a - b)
  const repeated = disturbances.reduce((sum, disturbance) => sum + disturbance.repeated, 0)
  const median = percent(stolen[stolen.length >> 1] ?? 0)
  return `The host took ${median} of the CPU time of a round (median; at most ${percent(stolen.at(-1) ?? 0)}); rounds measured again because it took more than ${percent(tolerated)}: ${repeated}.`
}

const statistics = '/proc/stat'

/** Of all CPUs, since they started: what was stolen, and everything. Nothing where nothing tells. */
function ticks() {
  if (!existsSync(statistics)) return { stolen: 0, all: 0 }
  const [line = ''] = readFileSync(statistics, 'latin1').split('\n', 1)
  // user nice system idle iowait irq softirq steal; what follows is part of the first two.
  const counts = line.trim().split(/\s+/).slice(1, 9).map(Number)
  return { stolen: counts[7] ?? 0, all: counts.reduce((sum, count) => sum + count, 0) }
}

/** @param {ReturnType<typeof ticks>} before */
function stolenSince(before) {
  const { stolen, all } = ticks()
  return all === before.all ? 0 : (stolen - before.stolen) / (all - before.all)
}
