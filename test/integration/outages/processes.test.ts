/**
 * The memory that key sets and made-up tokens take, and that no process is kept alive. Each test runs in
 * its own process.
 */
import { execFile, execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBuildFolder } from '../../support/build-folder.ts'
import { AUD, claimsT0, ec1, ISS, rsa1, signParts } from '../../support/fixture.ts'
import { createHostileServer, good, hostilities } from '../../support/hostile-server.ts'
import { day, lasting } from '../../support/outage-simulation.ts'
import { jwksUri } from '../../support/simulated-issuer.ts'

describe('in a separate process', { concurrent: true, timeout: 60_000 }, () => {
  const run = promisify(execFile)
  let built: string
  let scripts = 0

  beforeAll(() => {
    built = createBuildFolder('outages-')
    writeFileSync(join(built, 'package.json'), '{"type":"module"}')
    execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', built])
  })
  afterAll(() => rmSync(built, { recursive: true }))

  /** Runs a script with `createValidator` and `given` in scope. Resolves to the JSON that it prints. */
  async function child(script: string, given: unknown, timeout = 50_000) {
    const file = join(built, `${scripts++}.js`)
    writeFileSync(
      file,
      `import { createValidator } from './index.js'\nconst given = ${JSON.stringify(given)}\n${script}`,
    )
    const { stdout, stderr } = await run(process.execPath, ['--expose-gc', file], { timeout })
    expect(stderr).toBe('')
    return { output: JSON.parse(stdout) }
  }

  const heap = `
    async function heap() {
      for (let turn = 0; turn < 5; turn++) { gc(); await new Promise(setImmediate) }
      return process.memoryUsage().heapUsed
    }`
  const options = { audience: AUD, issuer: { issuer: ISS, jwksUri } }
  const now = () => Math.floor(Date.now() / 1000)

  it('a key set of 200 MB costs less than 2 MB of heap', async () => {
    await using server = await createHostileServer(hostilities['200 MB'])
    const issuer = { issuer: ISS, jwksUri: server.jwksUri }
    const { output } = await child(
      `${heap}
      const validate = () => createValidator(given.options).validate(given.token).catch((error) => error.code)
      await validate()
      const before = await heap()
      const codes = [await validate(), await validate()]
      console.log(JSON.stringify({ codes, grown: await heap() - before }))`,
      { options: { ...options, issuer }, token: lasting() },
    )
    expect(output.codes).toEqual(['service_unavailable', 'service_unavailable'])
    expect(output.grown).toBeLessThan(2e6)
    expect(server.sent()).toBeLessThan(60e6)
  })

  it('100,000 made-up kids do not grow the heap', async () => {
    const { output } = await child(
      `${heap}
      const options = { ...given.options, fetch: async () => Response.json({ keys: [given.jwk] }) }
      const { validate } = createValidator(options)
      const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
      const claims = encode(given.claims)
      const codes = {}
      async function flood(count, salt) {
        for (let index = 0; index < count; index++) {
          const header = encode({ alg: 'RS256', kid: salt + index })
          const token = header + '.' + claims + '.' + given.signature
          await validate(token).catch(({ reason, code }) => { codes[reason ?? code] = (codes[reason ?? code] ?? 0) + 1 })
        }
      }
      await flood(1_000, 'warm-up-')
      const before = await heap()
      await flood(100_000, 'kid-')
      console.log(JSON.stringify({ codes, grown: await heap() - before }))`,
      {
        options,
        jwk: rsa1.jwk,
        claims: claimsT0({ exp: now() + day }),
        signature: 'A'.repeat(342),
      },
    )
    expect(output.codes).toEqual({ unknown_key: 101_000 })
    expect(output.grown).toBeLessThan(5e6)
  })

  it.each(['untrusted', 'trusted'])('10,000 %s issuers do not grow the heap', async (kind) => {
    const { output } = await child(
      `${heap}
        let asked = 0
        const { validate } = createValidator({
          audience: given.claims.aud,
          issuer: (issuer) => { asked++; return given.trusted ? { issuer, jwksUri: issuer + '/jwks' } : undefined },
          fetch: async () => Response.json({ keys: [given.jwk] }),
        })
        const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
        const header = encode({ alg: 'ES256', kid: given.jwk.kid })
        const codes = {}
        async function flood(count, salt) {
          for (let index = 0; index < count; index += 50) {
            await Promise.all(Array.from({ length: 50 }, async (_, offset) => {
              const iss = 'https://' + salt + (index + offset) + '.test'
              const token = header + '.' + encode({ ...given.claims, iss }) + '.' + given.signature
              await validate(token).catch(({ reason, code }) => { codes[reason ?? code] = (codes[reason ?? code] ?? 0) + 1 })
            }))
          }
        }
        await flood(1_500, 'warm-up-')
        const before = await heap()
        await flood(10_000, 'issuer-')
        console.log(JSON.stringify({ asked, codes, grown: await heap() - before }))`,
      {
        trusted: kind === 'trusted',
        jwk: ec1.jwk,
        claims: claimsT0({ exp: now() + day }),
        signature: 'A'.repeat(86),
      },
    )
    expect(output.asked).toBe(11_500)
    if (kind === 'trusted') {
      // Each issuer has its own key set, and fetches for unverified issuers are limited.
      const { bad_signature: verified, service_unavailable: limited } = output.codes
      expect(verified).toBeGreaterThanOrEqual(600)
      expect(verified + limited).toBe(11_500)
    } else {
      expect(output.codes).toEqual({ wrong_issuer: 11_500 })
    }
    expect(output.grown).toBeLessThan(5e6)
  })

  it.each(['good', 'accepted and never answered', '503 with Retry-After', 'one byte per second'])(
    'a script that validates one token ends on its own with an issuer of the kind: %s',
    async (name) => {
      await using server = await createHostileServer(hostilities[name] ?? good())
      const issuer = { issuer: ISS, jwksUri: server.jwksUri }
      const { output } = await child(
        `const { validate } = createValidator(given.options)
        const result = await validate(given.token).then(() => 'OK', ({ code }) => code)
        const endedAt = performance.now()
        process.on('exit', () => console.log(JSON.stringify({ result, lingered: performance.now() - endedAt })))`,
        {
          options: { ...options, issuer, keys: { timeout: name === 'good' ? 5 : 0.2 } },
          token: signParts('{"alg":"RS256","kid":"rsa1"}', JSON.stringify(claimsT0())),
        },
      )
      expect(output.result).toBe(name === 'good' ? 'OK' : 'service_unavailable')
      // Less than any timeout and keep-alive that could keep the process alive.
      expect(output.lingered).toBeLessThan(3_000)
    },
  )

  it('a process that is suspended during its first fetch accepts the token when it resumes', async () => {
    let answer = (): void => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    await using server = await createHostileServer((exchange) => {
      // The first request gets no response, as if the connection had broken while suspended.
      if (server.requests.length === 1) answer()
      else good()(exchange)
    })
    const file = join(built, 'suspended.js')
    const given = {
      options: {
        ...options,
        issuer: { issuer: ISS, jwksUri: server.jwksUri },
        keys: { timeout: 1 },
      },
      token: lasting(),
    }
    writeFileSync(
      file,
      `import { createValidator } from './index.js'
      const given = ${JSON.stringify(given)}
      const { validate } = createValidator(given.options)
      console.log(await validate(given.token).then(() => 'OK', ({ code }) => code))`,
    )
    const running = run(process.execPath, [file], { timeout: 50_000 })
    await asked
    running.child.kill('SIGSTOP')
    await promisify(setTimeout)(2_000)
    running.child.kill('SIGCONT')
    expect((await running).stdout).toBe('OK\n')
    expect(server.requests).toHaveLength(2)
  })
})
