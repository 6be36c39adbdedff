/**
 * Issuers and their keys as a state machine: servers that fail, move and rotate, functions that change
 * their minds, clocks that jump, floods, and concurrent requests, against the oracle of issuers-oracle.ts.
 */
import fc from 'fast-check'
import { vi } from 'vitest'
import { type Kind, timeout } from './issuers-oracle.ts'
import {
  type Fault,
  isFailing,
  type Mode,
  newServer,
  start,
  tenants,
} from './issuers-simulation.ts'
import { type Step, step } from './issuers-steps.ts'
import { createSubject } from './issuers-subject.ts'
import { pass, settleAll } from './issuers-time.ts'
import { forged, genuine, unverifiable, withoutKid } from './issuers-tokens.ts'
import type { Property } from './run.ts'

function createSimulation(counts: Map<string, number>) {
  const beganAt = performance.now()
  const time = () => (performance.now() - beganAt) / 1000
  let offset = 0
  let jumps = 0
  const clock = () => start + time() + offset
  const servers = tenants.map(newServer)
  const functionModes: Mode[] = tenants.map(() => 'trusted')
  const failures: string[] = []
  const pending = new Set<Promise<void>>()
  const simulation = { servers, functionModes, failures, pending, counts, time, clock }
  const subjects = [createSubject(simulation, false), createSubject(simulation, true)]

  function change(index: number, changes: Partial<(typeof servers)[number]>): void {
    const server = servers[index] as (typeof servers)[number]
    if (isFailing(server)) server.failedAt = time()
    Object.assign(server, changes, { changes: server.changes + 1 })
  }

  function tokenOf(index: number, kind: Kind, key: number): string {
    if (kind === 'made-up kid') return unverifiable(tenants[index] as string)
    if (kind === 'unsigned')
      return unverifiable(tenants[index] as string, { alg: 'none', kid: `k${key}` })
    const tokens = { genuine, 'without kid': withoutKid, forged }[kind]
    return tokens[index]?.[key] as string
  }

  async function run(current: Step): Promise<void> {
    if (current.type === 'requests') {
      for (const { tenant: index, kind, key } of current.requests) {
        const token = tokenOf(index, kind, key)
        for (const subject of subjects) subject.send(index, kind, key, token)
      }
      await settleAll(pending)
    }
    if (current.type === 'wait') await pass(current.seconds, pending)
    if (current.type === 'clock') {
      jumps++
      offset += current.seconds
      for (const { logs } of subjects) {
        for (const log of logs) {
          if (current.seconds < 0) log.setBack = true
          log.lowestClock = Math.min(log.lowestClock, clock())
        }
      }
    }
    if (current.type === 'publish') change(current.tenant, { published: current.keys })
    if (current.type === 'server') {
      const { jwks, metadata } = current as { jwks: Fault; metadata: Fault }
      change(current.tenant, { jwks, metadata })
    }
    if (current.type === 'move') {
      const location = (servers[current.tenant]?.location ?? 0) + 1
      change(current.tenant, { location, old: current.old })
    }
    if (current.type === 'function') functionModes[current.tenant] = current.mode as Mode
    if (current.type === 'flood') await flood(current.name, current.size)
  }

  let floods = 0
  async function flood(name: string, size: number): Promise<void> {
    floods++
    for (const subject of subjects) {
      const sent = Array.from({ length: size }, (_, count) =>
        subject.outcomeOf(unverifiable(`https://${name}-${floods}-${count}.test`)),
      ).map(async (outcome) => {
        const seen = await outcome
        const isRight =
          seen === 'wrong_issuer'
            ? name === 'unknown' || !subject.byFunction
            : seen === 'service_unavailable' && subject.byFunction
        if (!isRight) failures.push(`a flood of ${name} issuers: ${seen}`)
      })
      for (const each of sent) {
        pending.add(each)
        void each.finally(() => pending.delete(each))
      }
      await settleAll(pending)
      if (!subject.byFunction && subject.network.requests.some((each) => each.tenant < 0))
        failures.push('asked an unknown issuer')
    }
  }

  function checkRequests(): void {
    for (const { logs, network } of subjects) {
      for (const [index, { attempts }] of logs.entries()) {
        const changes = servers[index]?.changes ?? 0
        const most = 16 + time() / 15 + 4 * jumps + 8 * changes
        const asked = network.requests.filter((each) => each.tenant === index).length
        if (attempts > most) failures.push(`${attempts} attempts, ${most} expected at most`)
        if (asked > 8 * attempts + 8) failures.push(`${asked} requests in ${attempts} attempts`)
      }
    }
  }

  return { run, failures, pending, checkRequests }
}

export function createIssuers(): Property {
  let inputs = 0
  const counts = new Map<string, number>()
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
    async (steps) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
      try {
        const simulation = createSimulation(counts)
        const expectNoFailure = (after: string) => {
          if (simulation.failures.length > 0)
            throw new Error(`${simulation.failures.join('\n')}\nafter ${after}`)
        }
        for (const current of steps) {
          await simulation.run(current)
          expectNoFailure(JSON.stringify(current))
        }
        await pass(timeout + 1, simulation.pending)
        if (simulation.pending.size > 0) throw new Error('requests that never end')
        simulation.checkRequests()
        expectNoFailure('the last step')
        inputs++
      } finally {
        vi.useRealTimers()
      }
    },
  )
  return {
    property,
    inputs: () => inputs,
    summary() {
      for (const name of [
        'accepted',
        'unknown_key',
        'bad_signature',
        'wrong_issuer',
        'service_unavailable',
      ]) {
        if (!counts.has(name)) throw new Error(`never ${name}`)
      }
      return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
    },
  }
}
