/** Compiles and runs every block of TypeScript in README and docs. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { codeBlocks, createWorkFolder, replaceStrings, root } from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'

const run = promisify(execFile)
const folder = createWorkFolder('blocks')
const blocks = codeBlocks.filter(({ language }) => language === 'ts')

const isTest = (code: string) => code.includes("from 'vitest'")
const isServer = (code: string) => code.includes('listen(3000)')
// docs-guides-*.test.ts run these: they need a client, a proxy or a file of their own.
const hasOwnTest = (path: string) =>
  [
    'mcp',
    'ws',
    'socket-io',
    'http-proxy',
    'private-ca',
    'pem-public-key',
    'docker',
    'ad-fs',
    'introspection',
    'encrypted-tokens',
    'revocation',
    'testing',
  ]
    .map((name) => `docs/guides/${name}.md`)
    .includes(path)

const servers = blocks.filter(({ code, path }) => isServer(code) && !hasOwnTest(path))
const tests = blocks.filter(({ code }) => isTest(code))
const modules = blocks.filter(
  ({ code, path }) => !isServer(code) && !isTest(code) && !hasOwnTest(path),
)

async function compile(name: string, program: string, accepted: typeof blocks) {
  const compiled = createWorkFolder(name)
  for (const { place, code } of accepted) {
    compiled.write(`${place.replace(/[^\w-]/g, '_')}.ts`, `${code}\nexport {}\n`)
  }
  compiled.write(
    'tsconfig.json',
    JSON.stringify({
      extends: `../../../test/${program}.json`,
      compilerOptions: { isolatedDeclarations: false },
      files: [],
      include: ['.'],
      exclude: [],
    }),
  )
  await run('npx', ['tsc', '-p', compiled.path], { cwd: root }).catch((error) => {
    throw new Error(error.stdout)
  })
  compiled.remove()
}

describe('the code of README and docs', () => {
  afterAll(() => folder.remove())

  it('compiles in every block', async () => {
    expect(blocks.length).toBeGreaterThan(20)
    // Both versions of the MCP SDK and `./express` declare `req.auth`, each in another way.
    const forMcp = blocks.filter(({ path }) => path === 'docs/guides/mcp.md')
    const forSdk1 = forMcp.filter(({ code }) => code.includes('@modelcontextprotocol/sdk'))
    const forSdk2 = forMcp.filter((block) => !forSdk1.includes(block))
    const others = blocks.filter((block) => !forMcp.includes(block))
    await compile('compiled', 'tsconfig', others)
    await compile('compiled-mcp-1', 'mcp/tsconfig', forSdk1)
    await compile('compiled-mcp-2', 'mcp/sdk-2', forSdk2)
  }, 60_000)

  it.each(servers.map(({ place, code }) => [place, code] as const))(
    'the server at %s responds with 200, 401 and 403',
    async (place, code) => {
      await using issuer = await createTestIssuer()
      const port = await freePort()
      const text = replaceStrings(code, {
        'https://auth.example.com/': issuer.issuer,
        'listen(3000)': `listen(${port}, '127.0.0.1')`,
      })
      await import(folder.write(`${place.replace(/\W/g, '_')}.ts`, text))
      const status = async (path: string, token?: string) => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
        return (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status
      }
      const reader = await issuer.token({ scope: 'read:reports' })
      const other = await issuer.token({ scope: 'write:reports' })
      expect(await status('/reports')).toBe(401)
      expect(await status('/reports', await issuer.tokens.expired())).toBe(401)
      expect(await status('/reports', other)).toBe(403)
      expect(await status('/reports', reader)).toBe(200)
      // No other spelling of the path skips the check.
      for (const path of ['/reports?a', '//reports', '/reports/', '/Reports', '/%72eports']) {
        expect([path, await status(path, other)]).not.toEqual([path, 200])
      }
      if (code.includes("'/me'")) expect(await status('/me', other)).toBe(200)
      for (const open of ['/health', '/ready', '/prices'].filter((path) =>
        code.includes(`'${path}'`),
      )) {
        expect(await status(open)).toBe(200)
        expect(await status(open, reader)).toBe(200)
      }
      if (code.includes("'/prices'")) {
        expect(await status('/prices', await issuer.tokens.expired())).toBe(401)
      }
    },
  )

  it.each(modules.map(({ place, code }) => [place, code] as const))(
    'the module at %s runs',
    async (place, code) => {
      const file = folder.write(`${place.replace(/\W/g, '_')}.ts`, code)
      await expect(import(file)).resolves.toBeDefined()
    },
  )

  it.each(tests.map(({ place, code }) => [place, code] as const))(
    'the test at %s passes',
    async (place, code) => {
      const name = `${place.replace(/\W/g, '_')}.test.ts`
      folder.write(name, code)
      const { stdout } = await run('npx', ['vitest', 'run', `.cache/docs/blocks/${name}`], {
        cwd: root,
        env: { ...process.env, NO_COLOR: '1' },
      })
      expect(stdout).toMatch(/Tests {2}\d+ passed \(\d+\)/)
    },
    60_000,
  )
})
