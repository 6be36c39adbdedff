/** @module All tests and all mutants in one process, which loads every module once. */
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const config = mergeConfig(base, defineConfig({}))
Object.assign(config.test, {
  include: ['test/mutation/host.ts'],
  pool: 'forks',
  maxWorkers: 1,
  isolate: false,
  fileParallelism: false,
  disableConsoleIntercept: true,
  reporters: ['default'],
})
export default config
