/** How many requests introspection costs, and how much memory: the figures of the guide. */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { docsFile } from '../support/docs.ts'
import { active, createApi, startAuthorizationServer } from '../support/introspection.ts'

const random = () => randomBytes(24).toString('base64url')

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

/** The second column of a row of the guide. */
function costOf(what: string): string {
  const { text } = docsFile('docs/guides/introspection.md')
  const row = text.split('\n').find((line) => line.startsWith(`| ${what}`))
  return row?.split(' | ')[1] ?? ''
}

describe('the load of introspection', () => {
  it('is 6 requests for 10,000 requests with one token in a minute', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    for (let count = 0; count < 10_000; count++) {
      expect(await api.outcomeFor('good')).toBe('OK')
      api.pass(0.006)
    }
    expect(server.received).toHaveLength(6)
    expect(costOf('10,000 requests with one token in a minute')).toMatch(/^6 requests/)
  }, 60_000)

  it('is 100 requests for 10,000 random strings that are concurrent', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const api = createApi(server)
    const outcomes = await Promise.all(
      Array.from({ length: 10_000 }, () => api.outcomeFor(random())),
    )
    expect(server.received).toHaveLength(100)
    expect(outcomes.filter((outcome) => outcome === '503')).toHaveLength(9_900)
    expect(costOf('10,000 random strings simultaneously')).toMatch(/^100 requests/)
  }, 60_000)

  it('is 200 requests, and less than 3 MB, for 10,000 random strings one after another, then 10 a second', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const api = createApi(server)
    await api.outcomeFor(random())
    const before = heapUsed()
    for (let count = 0; count < 10_000; count++) await api.outcomeFor(random())
    api.events.length = 0
    expect(heapUsed() - before).toBeLessThan(3_000_000)
    expect(server.received.length).toBe(200)
    api.pass(1)
    for (let count = 0; count < 100; count++) await api.outcomeFor(random())
    expect(server.received.length).toBe(210)
    const cost = costOf('10,000 random strings in less than a second, one after another')
    expect(cost).toMatch(/^200 requests.*10 more each second/)
  }, 60_000)

  it('is 1 request for 50 first uses at once', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    await Promise.all(Array.from({ length: 50 }, () => api.outcomeFor('good')))
    expect(server.received).toHaveLength(1)
  })

  it('is one attempt at a time, with pauses of 10 s at the longest, while the endpoint is down', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    expect(await api.outcomeFor('good')).toBe('OK')
    server.respond = (_request, response) => response.writeHead(503).end()
    const outcomes: string[] = []
    for (let second = 0; second < 60; second++) {
      outcomes.push(await api.outcomeFor('good'))
      api.pass(1)
    }
    expect(outcomes).toEqual([...Array(10).fill('OK'), ...Array(50).fill('503')])
    expect(server.received.length).toBeLessThanOrEqual(1 + 10)
    server.respond = () => active()
    api.pass(10)
    expect(await api.outcomeFor('good')).toBe('OK')
  })
})
