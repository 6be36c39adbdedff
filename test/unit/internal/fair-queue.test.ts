import { describe, expect, it } from 'vitest'
import { createFairQueue, QueueFullError } from '../../../src/internal/fair-queue.ts'

/** A queue with tasks that the test ends. */
function createQueue() {
  const queue = createFairQueue({ running: 32, waiting: 1_000 })
  const running: { name: string; release: () => void }[] = []
  const started: string[] = []
  return {
    started,
    run: (owner: string, name = owner, isContinuation = false) =>
      queue.run(
        owner,
        (release) => {
          started.push(name)
          running.push({ name, release })
        },
        isContinuation,
      ),
    runAtOnce: (owner: string, action: () => void) =>
      queue.run(
        owner,
        (release) => {
          action()
          release()
        },
        false,
      ),
    end() {
      const [task] = running.splice(0, 1)
      task?.release()
    },
    running: () => running.length,
  }
}

describe('a fair queue', () => {
  it('runs 32 tasks at a time, even of one owner, and begins one for each that ends', () => {
    const { run, end, running, started } = createQueue()
    for (let count = 0; count < 44; count++) expect(run('a')).toBe(true)
    expect(started).toHaveLength(32)
    for (let count = 33; count <= 44; count++) {
      end()
      expect(started).toHaveLength(count)
      expect(running()).toBe(32)
    }
    for (let count = 0; count < 32; count++) end()
    expect(run('a')).toBe(true)
    expect(running()).toBe(1)
  })

  it('alternates between owners', () => {
    const { run, end, started } = createQueue()
    for (let count = 0; count < 32; count++) run('a')
    for (let count = 0; count < 3; count++) run('a')
    for (let count = 0; count < 2; count++) run('b')
    run('c')
    started.length = 0
    for (let count = 0; count < 6; count++) end()
    expect(started).toEqual(['a', 'b', 'c', 'a', 'b', 'a'])
  })

  it('refuses a task of an owner with 1,000 waiting tasks, and of no other', () => {
    const { run, end } = createQueue()
    for (let count = 0; count < 1_032; count++) expect(run('a')).toBe(true)
    expect(run('a')).toBe(false)
    expect(run('b')).toBe(true)
    expect(run('a', 'continued', true)).toBe(true)
    end()
    expect(run('a')).toBe(false)
    end()
    end()
    expect(run('a')).toBe(true)
  })

  it('has an error for a task that is refused', () => {
    expect(new QueueFullError().message).toBe('too many tasks of this owner are waiting')
  })

  it('lets the tasks that wait run before one that begins when a place is free', () => {
    const queue = createFairQueue({ running: 1, waiting: 9 })
    const started: string[] = []
    const releases: (() => void)[] = []
    const run = (owner: string) =>
      queue.run(
        owner,
        (release) => {
          started.push(owner)
          release()
        },
        false,
      )
    queue.run('a', (release) => void releases.push(release), false)
    queue.run(
      'a',
      (release) => {
        release()
        run('c')
      },
      false,
    )
    run('b')
    for (const release of releases) release()
    expect(started).toEqual(['b', 'c'])
  })

  it('runs a continuation before the other tasks of its owner', () => {
    const { run, end, started } = createQueue()
    for (let count = 0; count < 32; count++) run('a')
    run('a', 'second')
    run('a', 'first', true)
    started.length = 0
    end()
    end()
    expect(started).toEqual(['first', 'second'])
  })

  it('runs any number of tasks that end synchronously without nesting them', () => {
    const { run, runAtOnce, end } = createQueue()
    for (let count = 0; count < 32; count++) run('a')
    let depth = 0
    let ran = 0
    for (let count = 0; count < 20_000; count++) {
      runAtOnce(`owner ${count % 100}`, () => {
        ran++
        depth = Math.max(depth, new Error().stack?.split('\n').length ?? 0)
      })
    }
    end()
    expect(ran).toBe(20_000)
    expect(depth).toBeLessThan(50)
  })
})
