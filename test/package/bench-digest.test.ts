import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const { digest, toJson } = await import(
  fileURLToPath(new URL('../bench/digest.js', import.meta.url))
)

const samples = (...perSecond: number[]) =>
  perSecond.map((value) => ({ perSecond: value, stolen: 0, repeated: 0 }))

describe('the digest of a benchmark run', () => {
  it('has minimum, quartiles, median and maximum of each figure', () => {
    const { ours } = digest({ ours: samples(5, 1, 3, 2, 4) })
    expect(ours.perSecond).toEqual([1, 2, 3, 4, 5])
    expect(digest({ ours: samples(1, 2, 4, 8) }).ours.perSecond).toEqual([1, 1.75, 3, 5, 8])
    expect(ours).not.toHaveProperty('ratio')
  })

  it('compares the samples of the same round, not the medians of all', () => {
    const { jose } = digest({ ours: samples(10, 100, 1000), jose: samples(10, 10, 10_000) })
    expect(jose.ratio.perSecond[2]).toBe(1)
    expect(jose.perSecond[2]).toBe(10)
  })

  it('compares the CPU time added to a server only with contenders that add some', () => {
    const withAdded = (addedCpu: number) => [{ ...samples(1)[0], addedCpu }]
    const { empty, jose } = digest({ empty: samples(1), ours: withAdded(6), jose: withAdded(12) })
    expect(jose.ratio.addedCpu[2]).toBe(0.5)
    expect(empty.ratio).not.toHaveProperty('addedCpu')
  })

  it('reduces workloads and lists of numbers, and keeps the steps of the memory table', () => {
    const steps = [{ tokens: 0, after: { heap: 1 } }]
    const figures = digest({
      memory: steps,
      refusals: { expired: { ours: samples(2), jose: samples(1) } },
      size: { ours: { importMs: [3, 1, 2], packages: 2 } },
    })
    expect(figures.memory).toEqual(steps)
    expect(figures.refusals.expired.jose.ratio.perSecond).toEqual([2, 2, 2, 2, 2])
    expect(figures.size.ours).toEqual({ importMs: [1, 1.5, 2, 2.5, 3], packages: 2 })
  })

  it('writes lists on one line, with five significant digits', () => {
    expect(toJson({ a: [1.234567, 2], b: 'x' })).toBe('{\n  "a": [1.2346, 2],\n  "b": "x"\n}\n')
  })
})
