import { inspect } from 'node:util'
import fc from 'fast-check'
import { AccessTokenError, createValidator, type ValidatorEvent } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { AUD, claimsT0, ISS, jwks, rsa1, signParts } from '../support/fixture.ts'

const claimNames = [
  ...['iss', 'sub', 'aud', 'client_id', 'azp', 'cid', 'jti', 'exp', 'nbf', 'iat', 'scope', 'scp'],
  ...['permissions', 'roles', 'cnf', 'typ', 'token_use', 'nonce', 'at_hash', 'auth_time'],
]
const headerNames = ['alg', 'typ', 'kid', 'cty', 'crit', 'b64', 'nonce', 'x5t', 'jku', 'jwk']
const marker = 'HOSTILE'

/** Strings that break log lines, reorder text, fill disks, or are not valid Unicode. */
const hostileTexts = [
  `${marker}\r\nlevel=info msg="accepted"`,
  `\n${marker}`,
  `\u202e${marker}\u2066\u200f`,
  `\ud800${marker}\udfff`,
  `\u0000\u001b[2J${marker}\u007f\u0085`,
  `\u2028${marker}\u2029\ufeff`,
  `https://as.test/\u202e${marker}`,
  `", error="${marker}\\`,
  marker.repeat(1_300),
  `${'\u{1f600}'.repeat(2_300)}${marker}`,
]
const hostileText = fc
  .tuple(fc.constantFrom(...hostileTexts), fc.string({ unit: 'binary', maxLength: 40 }))
  .map((parts) => parts.join(''))
const hostileValue = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  fc.array(hostileText, { minLength: 1, maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'jkt'), hostileText, { minKeys: 1, maxKeys: 1 }),
)
const member = (names: readonly string[]) => fc.tuple(fc.constantFrom(...names), hostileValue)
const changes = (names: readonly string[]) =>
  fc.array(member(names), { maxLength: 2 }).map((entries) => Object.fromEntries(entries))

// Control and format characters, lone surrogates, line separators.
const unsafe = /[\p{C}\p{Zl}\p{Zp}]/u

/** Lists every string in a value, at any depth, including non-enumerable members, except stacks. */
function stringsIn(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  const names = Object.getOwnPropertyNames(value).filter((name) => name !== 'stack')
  return names.flatMap((name) => [
    name,
    ...stringsIn((value as Record<string, unknown>)[name], seen),
  ])
}

function expectSafe(values: readonly unknown[]): void {
  for (const text of stringsIn(values)) {
    expect(text, inspect(text)).not.toMatch(unsafe)
    expect(text.length).toBeLessThanOrEqual(300)
  }
}

function expectSafeError(error: unknown): void {
  if (!(error instanceof AccessTokenError)) throw error
  const { message, stack, detail, headers, body, cause } = error
  expectSafe([message, stack, detail, headers, body, cause, error])
  // The client reads fixed sentences only.
  expect(JSON.stringify([message, headers, body])).not.toContain(marker)
}

describe('hostile strings', () => {
  const events: ValidatorEvent[] = []
  const onEvent = (event: ValidatorEvent) => {
    events.push(event)
  }
  const options = { audience: false, onEvent } as const
  const fetch = () => Promise.reject(new TypeError('fetch failed'))
  const validators = [
    createValidator({ ...options, issuer: { issuer: ISS, jwks } }),
    createValidator({
      ...options,
      audience: AUD,
      issuer: { issuer: ISS, jwks },
      profile: 'rfc9068',
    }),
    // The resolver accepts every name, so that `iss` reaches the options of an issuer.
    createValidator({ ...options, issuer: (iss) => ({ issuer: iss, jwks }) }),
    createValidator({
      ...options,
      issuer: (iss) => ({ issuer: iss, jwksUri: 'https://as.test/jwks' }),
      fetch,
    }),
    createValidator({ ...options, issuer: (iss) => ({ issuer: iss }), fetch }),
    createValidator({ ...options, issuer: () => undefined }),
  ]

  async function presentEverywhere(claims: object, header: object): Promise<void> {
    const joseHeader = { alg: 'RS256', kid: rsa1.jwk.kid, ...header }
    const token = signParts(JSON.stringify(joseHeader), JSON.stringify(claimsT0({ ...claims })))
    const request = { headers: { authorization: `Bearer ${token}` } }
    const requirement = { scopes: 'never:granted' }
    for (const { validate, authenticate, ready } of validators) {
      events.length = 0
      await validate(token).catch(expectSafeError)
      await authenticate(request, requirement).catch(expectSafeError)
      await ready().catch(expectSafeError)
      expectSafe(events)
    }
  }

  it.each(claimNames)('in the claim %s do not reach events and errors', async (name) => {
    for (const text of hostileTexts) await presentEverywhere({ [name]: text }, {})
  })

  it.each(headerNames)('in the header member %s do not reach events and errors', async (name) => {
    for (const text of hostileTexts) await presentEverywhere({}, { [name]: text })
  })

  it('in any combination of both do not reach events and errors', async () => {
    const property = fc.asyncProperty(changes(claimNames), changes(headerNames), presentEverywhere)
    await fc.assert(property, { numRuns: 50 })
  })

  it.each(['client_id', 'azp', 'cid'])(
    'in %s are shortened in the clientId of an event',
    async (name) => {
      events.length = 0
      const hostile = `${'x'.repeat(9_000)}\n\u202e\ud800`
      const claims = { client_id: undefined, [name]: hostile }
      const header = JSON.stringify({ alg: 'RS256', kid: rsa1.jwk.kid })
      const token = signParts(header, JSON.stringify(claimsT0(claims)))
      const accepted = await validators[0]?.validate(token)
      expect(accepted?.clientId).toHaveLength(hostile.length)
      expect(events).toEqual([
        expect.objectContaining({ type: 'token.accepted', clientId: 'x'.repeat(200) }),
      ])
    },
  )
})
