import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests and examples name the package as its users do, and get its sources.
    alias: [
      { find: /^oauth-resource-server$/, replacement: src('index.ts') },
      { find: /^oauth-resource-server\/redis$/, replacement: src('redis/replay-store.ts') },
      { find: /^oauth-resource-server\/testing$/, replacement: src('testing/index.ts') },
      {
        find: /^oauth-resource-server\/(express|koa|http|fetch|mcp)$/,
        replacement: src('adapters/$1.ts'),
      },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/testing/*.test.js', '.cache/docs/**/*.test.ts'],
    testTimeout: 15_000,
    coverage: {
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
      thresholds: { statements: 97, branches: 97, functions: 97, lines: 97 },
    },
  },
})
