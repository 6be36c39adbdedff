import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { invalidTokenReasons } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { optionNames } from '../../src/options/resolve.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}/.cache/readme`
const readme = readFileSync(`${root}/README.md`, 'utf8')
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)

const isServer = (code: string) => code.includes('listen(3000)')
const isTest = (code: string) => code.includes("from 'vitest'")

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('README', () => {
  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('every block of code compiles', async () => {
    expect(blocks.length).toBeGreaterThan(9)
    for (const [index, code] of blocks.entries()) {
      writeFileSync(`${folder}/block-${index}.ts`, `${code}\nexport {}\n`)
    }
    const config = {
      extends: '../../test/tsconfig.json',
      compilerOptions: { isolatedDeclarations: false },
      include: ['.'],
      exclude: [],
    }
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config))
    await run('npx', ['tsc', '-p', folder], { cwd: root })
  }, 60_000)

  it('every test that it names exists', () => {
    const tests = readFileSync(`${root}/test/integration/outages.test.ts`, 'utf8')
    const named = [...readme.matchAll(/\*([^*|]+)\* \|$/gm)].map(([, title = '']) => title)
    expect(named.length).toBeGreaterThan(12)
    expect(named.filter((title) => !tests.includes(`'${title}'`))).toEqual([])
  })

  it('every figure of speed is that of the committed runs', async () => {
    const { inProcessTable, httpTable, memoryOfMillion } = await import(
      `${root}/test/bench/summary.js`
    )
    const [, date = '', minutes] =
      /on (\d{4}-\d\d-\d\d) \((\d+) minutes; \[every sample\]/.exec(readme) ?? []
    const { seconds } = JSON.parse(readFileSync(`${root}/test/bench/results/${date}.json`, 'utf8'))
    expect(Number(minutes)).toBe(Math.round(seconds / 60))
    expect(readme).toContain(`\n\n${inProcessTable(date)}\n\n`)
    expect(readme).toContain(`\n\n${httpTable(date)}\n\n`)
    const { tokens, mebibytes } = memoryOfMillion(date)
    const held = `After ${tokens.toLocaleString('en-US')} distinct tokens the heap held ${mebibytes.toFixed(1)} MiB`
    expect(readme).toContain(held)
  })

  it('every reason of a refusal has its row', () => {
    const rows = [...readme.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason)
    expect(rows).toEqual(expect.arrayContaining([...invalidTokenReasons]))
  })

  it('every option has its row', () => {
    const rows = new Set([...readme.matchAll(/^\| `(\w+)` \|/gm)].map(([, option]) => option))
    expect(optionNames.filter((option) => !rows.has(option))).toEqual([])
  })

  it.each(blocks.filter(isServer).map((code) => [code.split('\n')[0], code] as const))(
    'the server that begins with "%s" answers 200, 401 and 403',
    async (_, code) => {
      await using issuer = await createTestIssuer()
      const port = await freePort()
      const file = `${folder}/server-${port}.ts`
      writeFileSync(
        file,
        code
          .replaceAll('https://auth.example.com/', issuer.issuer)
          .replace('listen(3000)', `listen(${port}, '127.0.0.1')`),
      )
      await import(file)
      const status = async (path: string, token?: string) => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
        return (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status
      }
      const everywhere = code.includes("'/me'") ? '/me' : '/'
      const reader = await issuer.token({ scope: 'read:reports' })
      expect(await status('/reports')).toBe(401)
      expect(await status('/reports', await issuer.tokens.expired())).toBe(401)
      expect(await status('/reports', await issuer.token())).toBe(403)
      expect(await status('/reports', reader)).toBe(200)
      expect(await status(everywhere, reader)).toBe(200)
      for (const open of ['/health', '/prices'].filter((path) => code.includes(`'${path}'`))) {
        expect(await status(open)).toBe(200)
        expect(await status(open, reader)).toBe(200)
      }
    },
  )

  it.each(blocks.filter((code) => !isServer(code) && !isTest(code)).map((code) => [code]))(
    'the module runs: %#',
    async (code) => {
      const file = `${folder}/module-${blocks.indexOf(code)}.ts`
      writeFileSync(file, code)
      await expect(import(file)).resolves.toBeDefined()
    },
  )

  it.each(blocks.filter(isTest).map((code) => [code]))(
    'the test of an API passes: %#',
    async (code) => {
      writeFileSync(`${folder}/kit.test.ts`, code)
      const { stdout } = await run('npx', ['vitest', 'run', '.cache/readme/kit.test.ts'], {
        cwd: root,
        env: { ...process.env, NO_COLOR: '1' },
      })
      expect(stdout).toMatch(/Tests {2}\d+ passed \(\d+\)/)
    },
    60_000,
  )
})
