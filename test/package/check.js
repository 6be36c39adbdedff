/**
 * Tries what users get: packs the package, installs the tarball in new projects, and uses it there
 * from JavaScript, CommonJS and TypeScript, with every framework that it is for.
 */
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { answers, install, manifest, npm, pack, root, run, versions } from '../runtimes/project.js'
import { followJestGuide } from './jest.js'

const { name } = manifest
const temp = await mkdtemp(join(tmpdir(), `${name}-`))
const servers = join(temp, 'servers')
const typed = join(temp, 'typed')
let failed = false

try {
  const tarball = await pack(temp)
  // Apart from each other: with the content-disposition of Express 5.3 beside them, the types of Koa
  // do not compile.
  await Promise.all([
    install(servers, { [name]: tarball, ...versions('express', 'express4', 'koa', 'koa2') }),
    install(
      typed,
      { [name]: tarball },
      {
        ...versions('typescript', '@types/express', '@types/koa', '@types/node'),
        // The last major version that has `moduleResolution: node10`.
        typescript5: 'npm:typescript@5.9.3',
        // What typed/fetch.ts gives as the option `fetch`.
        'node-fetch': '3.3.2',
        undici: '7.30.2',
      },
    ),
  ])
  await cp(join(root, 'test/runtimes/servers'), servers, { recursive: true })
  await cp(join(root, 'test/package/typed'), typed, { recursive: true })

  const installed = join(typed, 'node_modules', name)
  await check('the tarball holds dist and src, and nothing that only tests need', async () => {
    const files = await filesOf(installed)
    const expected = /^(dist|src)\/(?!.*\.test)|^(package\.json|README\.md|LICENSE)$/
    const unexpected = files.filter((file) => !expected.test(file))
    expect(unexpected, [])
    const compiled = files
      .filter((file) => file.startsWith('src/') && file.endsWith('.ts'))
      .map((file) => file.slice(4, -3))
    const missing = compiled.filter((file) => !existsSync(join(installed, `dist/${file}.d.ts`)))
    expect(missing, [])
  })
  await check(
    'its code is bundled into few files, so that importing it takes little time',
    async () => {
      const scripts = (await filesOf(installed)).filter((file) => /^dist\/.*\.js$/.test(file))
      if (scripts.length > 16) throw new Error(`${scripts.length} files`)
    },
  )
  await check('its source maps land in src', async () => {
    const maps = (await filesOf(installed)).filter((file) => file.endsWith('.map'))
    if (maps.length === 0) throw new Error('no source maps')
    for (const map of maps) {
      const { sources, sourceRoot = '' } = JSON.parse(await readFile(join(installed, map), 'utf8'))
      for (const source of sources) {
        const path = resolve(installed, dirname(map), sourceRoot, source)
        if (!path.startsWith(join(installed, 'src')) || !existsSync(path)) {
          throw new Error(`${map} leads to ${path}`)
        }
      }
    }
  })
  await check('alone it brings two packages: itself and jose', async () => {
    const list = await npm(typed, 'ls', '--omit=dev', '--all', '--parseable')
    const modules = list.trim().split('\n').slice(1)
    expect(modules.map((path) => path.slice(join(typed, 'node_modules/').length)).sort(), [
      'jose',
      name,
    ])
  })
  for (const server of ['Express 5', 'Express 4', 'Koa 3', 'Koa 2', 'node:http']) {
    await check(`${server} answers 200, 401 and 403`, async () => {
      const { stdout } = await run(process.execPath, ['serve.js', server], { cwd: servers })
      expect(stdout.trim(), answers)
    })
  }
  for (const entry of Object.keys(manifest.exports)) {
    const specifier = join(name, entry)
    await check(`require('${specifier}') works`, async () => {
      const script = `console.log(Object.keys(require('${specifier}')).length > 0)`
      const args = ['--input-type=commonjs', '--eval', script]
      expect((await run(process.execPath, args, { cwd: servers })).stdout.trim(), 'true')
    })
  }
  for (const [compiler, project] of [
    ['typescript', 'node-next.json'],
    ['typescript', 'bundler.json'],
    ['typescript5', 'node10.json'],
  ]) {
    await check(`TypeScript compiles its users with ${project}`, async () => {
      const tsc = join(typed, `node_modules/${compiler}/bin/tsc`)
      await run(process.execPath, [tsc, '-p', project], { cwd: typed })
    })
  }
  for (const { title, runTests } of await followJestGuide(join(temp, 'jest'), tarball)) {
    await check(`Jest passes what its guide shows: ${title}`, runTests)
  }
} finally {
  await rm(temp, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0

/** @param {string} folder */
async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
}

/** @param {string} title @param {() => Promise<void>} attempt */
async function check(title, attempt) {
  try {
    await attempt()
    console.log('✓ %s', title)
  } catch (error) {
    failed = true
    const { message, stdout = '' } = Object(error)
    console.log('✗ %s\n%s', title, `${message}\n${stdout}`.replace(/^/gm, '  '))
  }
}

/** @param {unknown} actual @param {unknown} expected */
function expect(actual, expected) {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value))
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}
