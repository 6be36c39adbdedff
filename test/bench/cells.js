/** @module What the tables have in common: their types, and the cells of a contender. */
import { contenderOf } from './contenders.js'
import { range } from './table.js'

/** @typedef {import('./tokens.js').Algorithm} Algorithm */
/** @typedef {Record<string, any[]>} Rounds the samples of each contender, one per round */
/**
 * @typedef {object} Run
 * @property {(algorithm: Algorithm) => Promise<Issued>} issuer
 * @property {number} rounds
 * @property {number} patience how many samples may be repeated, as a multiple of all samples
 * @property {number} milliseconds per cell and round
 * @property {number} warmUp milliseconds before the first round
 * @property {boolean} full
 */
/** @typedef {{ file: string, tokens: import('./tokens.js').TokenSet }} Issued */
/** @typedef {{ title: string, markdown: string, figures: unknown }} Table */

export const percent = (/** @type {number} */ share) => `${Math.round(100 * share)} %`
export const byRound = (/** @type {any[]} */ samples, /** @type {string} */ key) =>
  samples.map((sample) => sample[key])
export const labelOf = (/** @type {string} */ name) => contenderOf(name).label

/** The ratio of ours to another contender, per round. @param {Rounds} rounds @param {string} name @param {string} key */
export function ratios(rounds, name, key) {
  const [own, other] = [rounds.ours ?? [], rounds[name] ?? []]
  if (name === 'ours' || name === 'nothing') return []
  return own.map((sample, round) => sample[key] / other[round][key])
}

export const times = (/** @type {number[]} */ values) =>
  range(values, (value) => `${value.toFixed(2)}`)
