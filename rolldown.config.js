/**
 * @module Bundles the sources into one file for each entry of the package and a few that entries share: importing
 * a hundred small modules takes five times as long. `tsc` writes the types.
 */
import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.values(exports).flatMap(({ default: file = '' }) =>
  file.replace(/^\.\/dist\/(.*)\.js$/, '$1'),
)

export default defineConfig({
  input: Object.fromEntries(entries.filter(Boolean).map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  external: /^[^./]/,
  output: {
    dir: 'dist',
    chunkFileNames: 'shared/[name].js',
    sourcemap: true,
    // The sources are in the package.
    sourcemapExcludeSources: true,
  },
})
