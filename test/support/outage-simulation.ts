/**
 * Helpers for the tests of outages: tokens that outlast the keys, and a validator with a simulated
 * issuer.
 */
import { base64url, claimsT0, makeKey, rsa1, t0 } from './fixture.ts'
import { outcomeOf, simulateIssuer } from './simulated-issuer.ts'

/** Seconds. */
export const day = 86_400

/** A token that is valid for a month, so that only the keys affect the result. */
export const lasting = (claims = {}, header = {}, key = rsa1) =>
  t0({ exp: Math.floor(Date.now() / 1000) + 30 * day, ...claims }, header, key)

export const rsa2 = makeKey('RS256', 'rsa2')

let madeUp = 0

/** A token with a `kid` that no key has, and that is new each time. */
export function madeUpKid(): string {
  madeUp++
  const header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: `made-up-${madeUp}` })
  return `${base64url(header)}.${base64url(JSON.stringify(claimsT0()))}.${'A'.repeat(342)}`
}

export function simulation(
  changes: Parameters<ReturnType<typeof simulateIssuer>['validator']>[0] = {},
) {
  const issuer = simulateIssuer()
  const { validate, ready } = issuer.validator(changes)
  return { issuer, ready, validate, outcomeFor: (token: string) => outcomeOf(validate(token)) }
}

/** A response that comes after this many seconds. */
export const late = (seconds: number, body: () => Response) => () =>
  new Promise<Response>((resolve) => {
    setTimeout(() => resolve(body()), seconds * 1000)
  })
