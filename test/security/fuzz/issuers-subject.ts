/** One validator of the property in issuers.ts: what it is given, what it answers, and the oracle's view. */
import {
  AccessTokenError,
  createValidator,
  type IssuerOptions,
  type ValidatorEvent,
} from 'oauth-resource-server'
import {
  ageOf,
  findFault,
  type Kind,
  maxAge,
  staleIfError,
  type TenantLog,
  timeout,
} from './issuers-oracle.ts'
import {
  AUD,
  after,
  createNetwork,
  direct,
  isFailing,
  type Mode,
  nextEvent,
  type TenantServer,
  tenants,
} from './issuers-simulation.ts'

/** What the validators share. */
export interface Simulation {
  readonly servers: readonly TenantServer[]
  readonly functionModes: readonly Mode[]
  readonly failures: string[]
  /** The requests that are not answered yet. */
  readonly pending: Set<Promise<void>>
  readonly counts: Map<string, number>
  /** Simulated seconds since the start. */
  readonly time: () => number
  /** The validators' clock, in seconds. */
  readonly clock: () => number
}

const newLog = (): TenantLog => ({
  deliveries: [],
  refreshed: [],
  rateLimited: [],
  attempts: 0,
  answers: [],
  sourceSince: 0,
  verifiedSince: 0,
  fetchedAt: 0,
  lowestClock: Number.POSITIVE_INFINITY,
  setBack: false,
  failureClocks: [],
})

export function createSubject(simulation: Simulation, byFunction: boolean) {
  const { servers, functionModes, failures, pending, counts, time, clock } = simulation
  const logs = tenants.map(newLog)
  const sources: string[] = tenants.map((_, index) => (index === direct ? 'direct' : 'discovered'))
  const answered: (string | undefined)[] = tenants.map(() => undefined)
  const accepted = new Set<string>()
  let limited = 0

  const network = createNetwork(servers, (index, path, delivery) => {
    const log = logs[index] as TenantLog
    if (path !== sources[index]) return
    log.deliveries.push(delivery)
    if (delivery.published.size === 0) return
    log.fetchedAt = clock()
    log.lowestClock = clock()
    log.setBack = false
  })

  function onEvent(event: ValidatorEvent) {
    if (event.type === 'issuers.rate_limited') limited = nextEvent()
    const index = 'issuer' in event ? tenants.indexOf(event.issuer as (typeof tenants)[number]) : -1
    const log = logs[index]
    if (log === undefined) return
    if (event.type === 'keys.refreshed') log.refreshed.push(nextEvent())
    if (event.type === 'keys.rate_limited') log.rateLimited.push(nextEvent())
    if (event.type === 'keys.refreshed' || event.type === 'keys.failed') log.attempts++
  }

  const optionsOf = (index: number, mode: Mode): IssuerOptions => {
    const issuer = tenants[index] as string
    const isDirect = (index === direct) !== (mode === 'changed')
    return isDirect ? { issuer, jwksUri: `${new URL(issuer).origin}/direct` } : { issuer }
  }

  async function resolve(iss: string): Promise<IssuerOptions | undefined> {
    const index = tenants.indexOf(iss as (typeof tenants)[number])
    if (index < 0) return iss.includes('made-up') ? { issuer: iss } : undefined
    const mode = functionModes[index] as Mode
    const log = logs[index] as TenantLog
    const askedAt = clock()
    const record = (result: 'trusted' | 'removed' | 'failed') =>
      log.answers.push({ at: nextEvent(), result, askedAt })
    if (mode === 'hangs') {
      record('failed')
      return new Promise(() => {})
    }
    if (mode === 'slow') await after(0.5)
    if (mode === 'removed') {
      record('removed')
      answered[index] = undefined
      log.verifiedSince = 0
      return undefined
    }
    if (mode === 'trusted' || mode === 'changed' || mode === 'slow') {
      const source = (index === direct) !== (mode === 'changed') ? 'direct' : 'discovered'
      if (answered[index] !== source) {
        Object.assign(log, { deliveries: [], refreshed: [], sourceSince: nextEvent() })
      }
      answered[index] = source
      sources[index] = source
      record('trusted')
      return optionsOf(index, mode)
    }
    record('failed')
    if (mode === 'rejects') return Promise.reject(undefined)
    if (mode === 'null') return null as unknown as undefined
    if (mode === 'another') return { issuer: tenants[(index + 1) % tenants.length] as string }
    throw new Error('the database is down')
  }

  const issuer = byFunction ? resolve : tenants.map((_, index) => optionsOf(index, 'trusted'))
  const validator = createValidator({
    issuer,
    audience: AUD,
    now: () => clock() * 1000,
    keys: { maxAge, staleIfError, timeout },
    fetch: network.fetch,
    onEvent,
  })

  const outcomeOf = (token: string) =>
    validator.validate(token).then(
      () => 'accepted',
      (error) => {
        if (!(error instanceof AccessTokenError)) throw error
        return 'reason' in error ? String(error.reason) : error.code
      },
    )

  function send(index: number, kind: Kind, key: number, token: string): void {
    const log = logs[index] as TenantLog
    const startedAt = nextEvent()
    const [timeAtStart, clockAtStart] = [time(), clock()]
    const ageAtStart = ageOf(log, clockAtStart)
    const sent = outcomeOf(token).then((outcome) => {
      const endedAt = nextEvent()
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
      const server = servers[index] as (typeof servers)[number]
      if (isFailing(server)) log.failureClocks.push(clock())
      const fault = findFault(log, {
        kind,
        key,
        outcome,
        startedAt,
        endedAt,
        waited: time() - timeAtStart,
        time: timeAtStart,
        clock: clockAtStart,
        ageAtStart,
        ageAtEnd: ageOf(log, clock()),
        failedAt: isFailing(server) ? time() : server.failedAt,
        limited: limited > startedAt,
        byFunction,
      })
      if (outcome === 'accepted') accepted.add(token)
      if (outcome === 'accepted' && log.verifiedSince === 0) log.verifiedSince = endedAt
      if (fault === undefined) return
      const by = byFunction ? 'a function' : 'a list'
      failures.push(
        `${by}, tenant ${index}, ${kind} key ${key} from ${timeAtStart} to ${time()}: ${fault}`,
      )
    })
    pending.add(sent)
    void sent.finally(() => pending.delete(sent))
  }

  return { byFunction, logs, network, outcomeOf, send }
}
