/**
 * @module Which issuers are trusted: a list, or a function of the application that is asked once per
 * issuer and whose answers are kept, within bounds.
 */
import { isDeepStrictEqual } from 'node:util'
import { InvalidTokenError, printable, ServiceUnavailableError, slashHint } from '../errors.ts'
import type { IssuerSettings } from '../options/issuers.ts'
import type { Settings } from '../options/resolve.ts'
import {
  createTrustedIssuer,
  type IssuerEnvironment,
  type TrustedIssuer,
} from './trusted-issuer.ts'

export interface TrustedIssuers {
  /**
   * Finds the issuer that a token names.
   *
   * @throws InvalidTokenError, or rejects with it, for an issuer that is not trusted; rejects with
   * ServiceUnavailableError where the application's function failed.
   */
  readonly find: (iss: unknown) => TrustedIssuer | Promise<TrustedIssuer>
  /** The issuers known by now. */
  readonly all: () => Iterable<TrustedIssuer>
}

export function createTrustedIssuers(
  issuers: Settings['issuers'],
  environment: IssuerEnvironment,
): TrustedIssuers {
  if (typeof issuers === 'function') return createResolvedIssuers(issuers, environment)
  const known = new Map(
    issuers.map((settings) => [settings.issuer, createTrustedIssuer(settings, environment)]),
  )
  const names = [...known.keys()]
  return {
    find(iss) {
      // RFC 9068 §4: exactly, code point by code point; nothing is fetched for a stranger.
      const issuer = known.get(checkIss(iss))
      if (issuer === undefined) throw untrusted(iss as string, names)
      return issuer
    },
    all: () => known.values(),
  }
}

function checkIss(iss: unknown): string {
  if (iss === undefined) throw new InvalidTokenError('missing_claim', { name: 'iss' })
  if (typeof iss === 'string' && iss !== '') return iss
  throw new InvalidTokenError('invalid_claim', {
    name: 'iss',
    expected: 'a string that is not empty',
    actual: printable(iss),
  })
}

function untrusted(iss: string, names: readonly string[]): InvalidTokenError {
  const hint = names.map((name) => slashHint(name, iss)).find((text) => text !== undefined)
  return new InvalidTokenError('wrong_issuer', {
    name: 'iss',
    expected: printable(names),
    actual: printable(iss),
    ...(hint !== undefined && { hint }),
  })
}

/** How many issuers, and how many refused names, are kept at the most. */
const maxIssuers = 1_000
const maxStrangers = 1_000
/** A longer `iss` is refused unasked, in characters. */
const maxNameLength = 1_000
/** How many questions about strangers may be under way at once. */
const maxPending = 100
/** Seconds for which an answer is kept: a trusted issuer, a stranger, a failure. */
const trustedAge = 600
const strangerAge = 60
const failureAge = 1

interface Known {
  readonly issuer: TrustedIssuer
  readonly askedAt: number
  readonly expiresAt: number
}

/** Returns the issuer, or throws an error that belongs to one request only. */
type Verdict = () => TrustedIssuer

interface Refused {
  readonly refusal: () => Error
  readonly askedAt: number
  readonly expiresAt: number
}

function createResolvedIssuers(
  resolve: Exclude<Settings['issuers'], readonly unknown[]>,
  environment: IssuerEnvironment,
): TrustedIssuers {
  const seconds = () => environment.now() / 1000
  const known = new Map<string, Known>()
  const refused = new Map<string, Refused>()
  const pending = new Map<string, Promise<Verdict>>()
  let strangersPending = 0

  /** An answer from the future means that the clock was set back: its age is not known. */
  function isFresh({ askedAt, expiresAt }: Known | Refused): boolean {
    const time = seconds()
    return time >= askedAt && time < expiresAt
  }

  async function ask(iss: string): Promise<Verdict> {
    const askedAt = seconds()
    const before = known.get(iss)
    let issuer: TrustedIssuer | undefined
    try {
      const settings = await within(environment.keyPolicy.timeout, resolve(iss))
      if (settings !== undefined) {
        const same = before !== undefined && isSame(before.issuer, settings)
        issuer = same ? before.issuer : createTrustedIssuer(settings, environment, before?.issuer)
      }
    } catch (cause) {
      return outage(iss, before, cause)
    }
    if (issuer === undefined) {
      known.delete(iss)
      return refuse(iss, strangerAge, () => untrusted(iss, []))
    }
    const trusted = issuer
    refused.delete(iss)
    keep(known, maxIssuers, iss, { issuer, askedAt, expiresAt: askedAt + trustedAge })
    return () => trusted
  }

  /** The application cannot tell: what it said before holds as long again, and no longer. */
  function outage(iss: string, before: Known | undefined, cause: unknown): Verdict {
    environment.observer.emit({ type: 'callback.failed', cause })
    const time = seconds()
    const since = before === undefined ? undefined : time - before.askedAt
    if (before !== undefined && since !== undefined && since >= 0 && since < 2 * trustedAge) {
      keep(known, maxIssuers, iss, { ...before, expiresAt: time + strangerAge })
      return () => before.issuer
    }
    const detail = { hint: 'the function given as issuer failed' }
    return refuse(
      iss,
      failureAge,
      () => new ServiceUnavailableError('issuer_resolver', failureAge, detail, cause),
    )
  }

  function refuse(iss: string, age: number, refusal: () => Error): Verdict {
    const askedAt = seconds()
    keep(refused, maxStrangers, iss, { refusal, askedAt, expiresAt: askedAt + age })
    return () => {
      throw refusal()
    }
  }

  return {
    find(iss) {
      const name = checkIss(iss)
      const answer = known.get(name)
      if (answer !== undefined && isFresh(answer)) return answer.issuer
      const refusal = refused.get(name)
      if (refusal !== undefined && isFresh(refusal)) throw refusal.refusal()
      if (name.length > maxNameLength) throw untrusted(name, [])
      const asked = pending.get(name)
      if (asked !== undefined) return asked.then((verdict) => verdict())
      // Strangers at the door do not turn away who is in the house.
      const isStranger = answer === undefined
      if (isStranger && strangersPending >= maxPending) {
        throw new ServiceUnavailableError('issuer_resolver', 1, {
          hint: 'too many issuers are being looked up',
        })
      }
      if (isStranger) strangersPending++
      const question = ask(name).finally(() => {
        pending.delete(name)
        if (isStranger) strangersPending--
      })
      pending.set(name, question)
      return question.then((verdict) => verdict())
    },
    all: () => [...known.values()].map(({ issuer }) => issuer),
  }
}

/** Waits for the application's answer no longer than for keys. */
async function within<T>(seconds: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Keeps the newest entries. */
function keep<V>(map: Map<string, V>, max: number, name: string, value: V): void {
  map.delete(name)
  if (map.size >= max) map.delete(map.keys().next().value as string)
  map.set(name, value)
}

function isSame(issuer: TrustedIssuer, settings: IssuerSettings): boolean {
  return isDeepStrictEqual({ ...issuer, keys: undefined }, { ...settings, keys: undefined })
}
