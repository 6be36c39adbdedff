/**
 * What the requirements promise about one request, given what was delivered to its validator: written
 * from the texts, without the state that the validator keeps.
 */
import type { Delivery } from './issuers-simulation.ts'

export const maxAge = 60
export const staleIfError = 300
export const timeout = 2
/** Simulated time passes in steps of a quarter of a second. */
const tolerance = 0.5
/** The longest back-off. */
const maxDelay = 60
const trustedAge = 600

export type Kind = 'genuine' | 'without kid' | 'forged' | 'made-up kid' | 'unsigned'

/** What a validator was given for one tenant, in the order of events. */
export interface TenantLog {
  deliveries: Delivery[]
  /** When the validator reported that it uses a new answer. */
  refreshed: number[]
  rateLimited: number[]
  attempts: number
  /** Answers of the function. */
  answers: FunctionAnswer[]
  /** Since when the keys come from the same place. */
  sourceSince: number
  /** Since when a token of the tenant is verified; 0 while none is. */
  verifiedSince: number
  /** When the latest answer was delivered, by the validator's clock, and the lowest time since. */
  fetchedAt: number
  lowestClock: number
  setBack: boolean
  /** When requests ended while the server was failing, by the validator's clock. */
  failureClocks: number[]
}

interface FunctionAnswer {
  readonly at: number
  readonly result: 'trusted' | 'removed' | 'failed'
  /** By the validator's clock. */
  readonly askedAt: number
}

export interface Observation {
  readonly kind: Kind
  readonly key: number
  readonly outcome: string
  readonly startedAt: number
  readonly endedAt: number
  /** Seconds that the request took. */
  readonly waited: number
  /** By the validator's clock, at its start. */
  readonly clock: number
  /** Of the keys in use, at its start and at its end. */
  readonly ageAtStart: KeyAge
  readonly ageAtEnd: KeyAge
  readonly time: number
  /** When the server last failed, in simulated time. */
  readonly failedAt: number
  /** Whether a limit on issuers without a verified token was exceeded meanwhile. */
  readonly limited: boolean
  readonly byFunction: boolean
}

/** `unknown` where the clock was set back. */
export type KeyAge = 'usable' | 'too old' | 'unknown'

export function ageOf({ fetchedAt, lowestClock, setBack }: TenantLog, clock: number): KeyAge {
  if (!setBack && clock >= fetchedAt + maxAge + staleIfError) return 'too old'
  return clock - lowestClock < staleIfError ? 'usable' : 'unknown'
}

const last = <T>(list: readonly T[]): T | undefined => list.at(-1)
const isUsable = ({ published }: Delivery) => published.size > 0

/** The answers that may be in use: the one in use at the start, and every later one. */
function candidatesOf(log: TenantLog, { startedAt, endedAt }: Observation) {
  const refreshed = last(log.refreshed.filter((at) => at < startedAt)) ?? 0
  const inUse = last(
    log.deliveries.filter((delivery) => delivery.at < refreshed && isUsable(delivery)),
  )
  const from = inUse?.at ?? 0
  const later = log.deliveries.filter(({ at }) => at > from && at < endedAt)
  return { inUse, later }
}

const noKeys: Delivery = { requestedAt: 0, at: 0, published: new Set(), compromised: new Set() }

/** Returns what is wrong with an outcome; `undefined` if nothing. */
export function findFault(log: TenantLog, seen: Observation): string | undefined {
  const { outcome, kind, key, waited, startedAt, endedAt } = seen
  if (waited > timeout + tolerance) return `waited ${waited} s`
  // The function named another place for the keys meanwhile: either may have been used.
  if (log.sourceSince > startedAt) {
    const isForgery = kind !== 'genuine' && kind !== 'without kid' && outcome === 'accepted'
    return isForgery ? `accepted a token: ${kind}` : undefined
  }
  const { inUse, later } = candidatesOf(log, seen)
  const isPublishedBy = ({ published }: Delivery) => published.has(key)
  const isGenuine = kind === 'genuine' || kind === 'without kid'
  const isKnown =
    inUse !== undefined &&
    isPublishedBy(inUse) &&
    later.every(
      (delivery) =>
        !delivery.compromised.has(key) && (!isUsable(delivery) || isPublishedBy(delivery)),
    )
  const resolver = seen.byFunction ? functionState(log, seen) : 'trusted'
  const isServed =
    isKnown && seen.ageAtStart === 'usable' && seen.ageAtEnd === 'usable' && resolver === 'trusted'
  if (outcome === 'accepted') {
    if (!isGenuine) return `accepted a token: ${kind}`
    if (resolver === 'removed') return 'accepted a token of an issuer that was removed'
    if (![inUse ?? noKeys, ...later].some(isPublishedBy))
      return 'accepted with a key that is not published'
    const dropped = last(log.deliveries.filter(({ at }) => at < startedAt))
    const since = later.filter(({ at }) => at > (dropped?.at ?? 0))
    if (dropped?.compromised.has(key) && !since.some(isPublishedBy))
      return 'accepted with a published private key'
    if (seen.ageAtStart === 'too old' && seen.ageAtEnd === 'too old' && later.length === 0)
      return 'accepted with keys that are too old'
    return undefined
  }
  if (outcome === 'wrong_issuer') {
    return seen.byFunction && resolver !== 'trusted' ? undefined : 'refused a trusted issuer'
  }
  if (outcome === 'service_unavailable') {
    if (isServed && isGenuine) return 'answered 503 though the key is known'
    const mayDelay = (elapsed: number) => elapsed <= maxDelay + timeout + tolerance
    // After a clock was set back, the delay may run a second time, by that clock.
    const repeats = log.failureClocks
      .map((failedAt) => seen.clock + waited - failedAt)
      .some((elapsed) => log.setBack && elapsed >= -timeout && mayDelay(elapsed))
    if (
      mayDelay(seen.time + waited - seen.failedAt) ||
      repeats ||
      seen.limited ||
      resolver !== 'trusted'
    )
      return undefined
    return 'answered 503 though nothing failed'
  }
  if (kind === 'unsigned') return outcome === 'wrong_algorithm' ? undefined : outcome
  if (outcome !== 'unknown_key' && outcome !== 'bad_signature') return `outcome ${outcome}`
  if (isGenuine && isKnown) return 'answered 401 though the key is known'
  if (kind === 'forged' || (isGenuine && isKnown)) return undefined
  const asked = log.deliveries.some(
    ({ requestedAt, at }) => requestedAt > startedAt && at < endedAt,
  )
  const limited = log.rateLimited.some((at) => at > startedAt && at < endedAt)
  return asked || limited ? undefined : 'answered 401 though it is not known whether the key exists'
}

/** What is known of the function's answer: `unknown` where it may be either. */
function functionState(log: TenantLog, seen: Observation): 'trusted' | 'removed' | 'unknown' {
  const { startedAt, endedAt, clock } = seen
  const before = last(log.answers.filter(({ at, result }) => at < startedAt && result !== 'failed'))
  const meanwhile = log.answers.some((answer) => answer.at > startedAt && answer.at < endedAt)
  const isVerified =
    log.verifiedSince > 0 && log.verifiedSince < startedAt && log.sourceSince < startedAt
  if (before === undefined || meanwhile || !isVerified) {
    const trusted = log.answers.some(({ at, result }) => at < endedAt && result === 'trusted')
    if (before?.result === 'removed' && !meanwhile) return 'removed'
    return trusted || before === undefined ? 'unknown' : 'removed'
  }
  if (before.result === 'removed') return 'removed'
  const age = clock - before.askedAt
  return age >= 0 && age < trustedAge ? 'trusted' : 'unknown'
}
