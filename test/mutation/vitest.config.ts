/**
 * @module The tests that run against mutants: unit and conformance tests. The others take longer and kill
 * few additional mutants.
 */
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const config = mergeConfig(base, defineConfig({}))
config.test.include = ['test/unit/**/*.test.ts', 'test/conformance/*.test.ts']
export default config
