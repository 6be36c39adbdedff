/** A short soak, so that `npm run soak` keeps working, and its comparison of the heap. */
import { execFile, execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBuildFolder } from '../support/build-folder.ts'
import { describeHeap } from './report.js'

describe('the soak', () => {
  it('finds no wrong response in two seconds with a rotation and an outage', async () => {
    const build = createBuildFolder('soak-')
    onTestFinished(() => rmSync(build, { recursive: true }))
    writeFileSync(join(build, 'package.json'), '{"type":"module"}')
    execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', build])
    const args = ['test/soak/main.js', '--minutes', '0.035', '--connections', '8', '--build', build]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
    expect(stderr).toBe('')
    expect(stdout).toContain('1 rotations, 1 outages')
    expect(stdout).toMatch(/[1-9]\d* {2}a known JWT\n/)
  }, 60_000)

  it('reports a heap that grows by more than a tenth from the second quarter to the last', () => {
    const minutes = (last: number) => [1, 9, 10, 10, 10, 10, last, last].map((heap) => ({ heap }))
    expect(describeHeap(minutes(10)).isFlat).toBe(true)
    expect(describeHeap(minutes(12)).isFlat).toBe(false)
  })
})
