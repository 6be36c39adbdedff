/**
 * @module The tests that judge mutants: those of the mutated folders, and the rows of the RFCs that
 * these folders answer for. The others take longer and would kill few more.
 */
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const documents = ['rfc7515', 'rfc7517', 'rfc7518', 'rfc8414', 'rfc8725', 'rfc9068', 'rfc9110']
const files = [...documents, 'errors', 'base64url']

const config = mergeConfig(base, defineConfig({}))
config.test.include = [
  'test/{token,keys,http}/*.test.ts',
  ...files.map((name) => `test/${name}.test.ts`),
]
export default config
