/**
 * @module The tests that judge mutants: those of the mutated folders, and the rows of the RFCs that
 * these folders answer for. The others take longer and would kill few more.
 */
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const config = mergeConfig(base, defineConfig({}))
config.test.include = ['test/unit/**/*.test.ts', 'test/conformance/*.test.ts']
export default config
