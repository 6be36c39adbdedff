/** The memory that used DPoP proofs take, measured in a process of its own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('1,000,000 proofs within one window', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'replay-store-'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', folder])
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function measure(clients: number) {
    const script = `
      import { createHash } from 'node:crypto'
      import { createMemoryReplayStore } from './proof/replay-store.js'
      const hash = (text) => createHash('sha256').update(text).digest('base64url')
      const heap = () => { gc(); return process.memoryUsage().heapUsed / 1e6 }
      let time = 1.8e12
      const store = createMemoryReplayStore({ window: 70, now: () => time })
      const before = heap()
      let accepted = 0
      Error.stackTraceLimit = 0
      for (let count = 0; count < 1e6; count++) {
        time += 0.05
        const client = hash('client ' + (count % ${clients}))
        try {
          if (store.claim(hash('proof ' + count), 65, client)) accepted++
        } catch {}
      }
      const full = heap() - before
      time += 100_000
      store.claim('another', 65, 'another')
      console.log(JSON.stringify({ accepted, full, expired: heap() - before }))`
    writeFileSync(join(folder, 'script.js'), script)
    const output = execFileSync(process.execPath, ['--expose-gc', join(folder, 'script.js')], {
      encoding: 'utf8',
    })
    return JSON.parse(output)
  }

  it.each([
    [1, 250_000, 50],
    [10, 454_546, 60],
    [1_000_000, 500_000, 110],
  ])(
    '9449-11.1-e of %i clients use entries and memory up to the limit, and free both',
    (clients, entries, megabytes) => {
      const { accepted, full, expired } = measure(clients)
      expect(accepted).toBe(entries)
      expect(full).toBeLessThan(megabytes)
      expect(expired).toBeLessThan(2)
    },
    60_000,
  )
})
