/** @module CPU time, event loop and latencies of a process while it is measured. */
import { existsSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/**
 * @typedef {object} Sample
 * @property {number} perSecond
 * @property {number} p50 microseconds
 * @property {number} p99 microseconds
 * @property {number} cpu microseconds per operation, all threads
 * @property {number} mainCpu microseconds per operation, the thread of the event loop
 * @property {number} loop utilisation of the event loop, 0 to 1
 */

const schedule = `/proc/self/task/${process.pid}/schedstat`

/** @returns {number} CPU time of the main thread in microseconds; NaN if it is not available */
export function mainThreadTime() {
  const { threadCpuUsage } = /** @type {any} */ (process)
  if (threadCpuUsage) {
    const { user, system } = threadCpuUsage()
    return user + system
  }
  return existsSync(schedule) ? Number.parseInt(readFileSync(schedule, 'latin1'), 10) / 1000 : NaN
}

const latencies = new Float64Array(2 ** 20)

/** Counts operations while it runs. It can be stopped and started again. A process has one. */
export function createMeter() {
  let count = 0
  let total = { elapsed: 0, cpu: 0, mainCpu: 0, active: 0, idle: 0 }
  return {
    reset() {
      count = 0
      total = { elapsed: 0, cpu: 0, mainCpu: 0, active: 0, idle: 0 }
    },
    elapsed: () => total.elapsed,
    /** @param {number} milliseconds the duration of an operation that ended */
    record(milliseconds) {
      latencies[count++ % latencies.length] = milliseconds
    },
    /** @returns {() => void} ends this part of the measurement */
    start() {
      const cpu = process.cpuUsage()
      const main = mainThreadTime()
      const loop = performance.eventLoopUtilization()
      const begun = performance.now()
      return () => {
        total.elapsed += performance.now() - begun
        const { user, system } = process.cpuUsage(cpu)
        total.cpu += user + system
        total.mainCpu += mainThreadTime() - main
        const { active, idle } = performance.eventLoopUtilization(loop)
        total.active += active
        total.idle += idle
      }
    },
    /** @returns {Sample} */
    sample() {
      const sorted = latencies.slice(0, Math.min(count, latencies.length)).sort()
      return {
        perSecond: (1000 * count) / total.elapsed,
        p50: 1000 * quantile(sorted, 0.5),
        p99: 1000 * quantile(sorted, 0.99),
        cpu: total.cpu / count,
        mainCpu: total.mainCpu / count,
        loop: total.active / (total.active + total.idle),
      }
    },
  }
}

/** @param {ArrayLike<number>} sorted @param {number} share */
export const quantile = (sorted, share) => sorted[Math.floor(share * sorted.length)] ?? NaN

/**
 * Measures how long timers of 1 ms take to fire: about 1 ms in an idle process, more by the time for which
 * the event loop is blocked.
 */
export function createDelayMeter() {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  let begun = 0
  return {
    reset() {
      histogram.reset()
      begun = performance.now()
    },
    /** @param {number} percentile @returns {number} microseconds; all of the time, if no timer has fired */
    read: (percentile) =>
      histogram.count === 0
        ? 1000 * (performance.now() - begun)
        : histogram.percentile(percentile) / 1000,
  }
}
