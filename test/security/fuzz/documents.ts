/**
 * Any octets as JWK Set and as metadata, with any status and headers: every result is well formed and in
 * time, only allowed URLs are fetched, and the validator recovers when the server does.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import {
  AccessTokenError,
  createValidator,
  ServiceUnavailableError,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { createInput, keyValues, memberOf, oddValue } from './inputs.ts'
import {
  checkNothingLeaks,
  checkRefusal,
  expectFast,
  outcomeOf,
  startStopwatch,
  watchCrashes,
} from './invariants.ts'
import { AUD, goodClaims, ISS, keySets, keys, NOW } from './material.ts'
import type { Property } from './run.ts'
import { jsonSpellings, type Spelling } from './spellings.ts'

const JWKS_URI = `${ISS}/jwks`
const goodSet = JSON.stringify({ keys: keySets.described.keys.slice(0, 3) })
const goodMetadata = JSON.stringify({ issuer: ISS, jwks_uri: JWKS_URI })

/** A response of the issuer's server. The body has one character per octet. */
interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly how: 'whole' | 'in pieces' | 'broken off' | 'refused'
}

interface Phase {
  readonly jwks: Answer
  readonly metadata: Answer
  /** Seconds until the next one. */
  readonly pause: number
}

const octets = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
const utf8 = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('latin1')
const respelled = (json: fc.Arbitrary<string>) =>
  fc
    .tuple(json, fc.option(fc.constantFrom(...Object.keys(jsonSpellings))), fc.nat(200_000))
    .map(([text, how, n]) => (how === null ? text : (jsonSpellings[how] as Spelling)(text, n)))

const jwk = fc.oneof(
  oddValue,
  fc.tuple(fc.constantFrom(...keys), memberOf(keyValues)).map(([key, { name, value }]) => ({
    ...key.jwk,
    [name]: value,
  })),
)
/** Many usable keys, some of them expensive to import. */
const crowd = fc
  .record({ which: fc.nat(keys.length - 1), count: fc.nat(101), kids: fc.boolean() })
  .map(({ which, count, kids }) =>
    Array.from({ length: count }, (_, i) => ({
      ...keys[which]?.jwk,
      ...(kids && { kid: `${i}` }),
    })),
  )
const large = fc
  .record({ key: fc.constant(keys[0]?.jwk), length: fc.nat(300_000) })
  .map(({ key, length }) => [key, 'a'.repeat(length)])
const heavy = fc.constantFrom(1024, 1025, 2048, 8192, 20_000).map((length) =>
  Array.from({ length: 12 }, (_, i) => ({
    kty: 'RSA',
    n: Buffer.alloc(length, 0xc1 + 2 * i).toString('base64url'),
    e: '_____w',
  })),
)
const jwksBody = fc.oneof(
  { weight: 1, arbitrary: octets },
  { weight: 1, arbitrary: fc.json() },
  {
    weight: 4,
    arbitrary: respelled(
      fc
        .oneof(
          { weight: 4, arbitrary: fc.array(jwk, { maxLength: 5 }) },
          { weight: 1, arbitrary: crowd },
          { weight: 1, arbitrary: large },
          { weight: 1, arbitrary: heavy },
        )
        .map((list) => utf8({ keys: list })),
    ),
  },
  { weight: 3, arbitrary: fc.constant(goodSet) },
)
const uris = [
  JWKS_URI,
  'https://elsewhere.test/keys',
  'http://elsewhere.test/keys',
  'http://127.0.0.1/keys',
  'http://127.0.0.1.evil.test/keys',
  'http://169.254.169.254/latest/meta-data/',
  'file:///etc/passwd',
  'data:application/json,{"keys":[]}',
  'https://user:secret@as.test/jwks',
  'https://as.test/jwks#fragment',
  'https:as.test/jwks',
  ' https://as.test/jwks',
  'https://as.test/\njwks',
  `https://as.test/${'a'.repeat(3_000)}`,
  '//as.test/jwks',
  '/jwks',
  'https://[::1/',
  '',
]
const metadataBody = fc.oneof(
  { weight: 1, arbitrary: octets },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.constant(goodMetadata) },
  {
    weight: 4,
    arbitrary: respelled(
      fc
        .record({
          issuer: fc.oneof(
            { weight: 3, arbitrary: fc.constant(ISS) },
            { weight: 1, arbitrary: oddValue },
          ),
          jwks_uri: fc.oneof(
            fc.constantFrom(...uris),
            octets.map((text) => `https://${text}`),
            oddValue,
          ),
          other: oddValue,
        })
        .map(utf8),
    ),
  },
)

/** The header values that Node accepts: Latin-1 without control characters. */
export const fieldValue: fc.Arbitrary<string> = fc.oneof(
  fc
    .string({ unit: 'binary-ascii', maxLength: 30 })
    .map((text) => text.replace(/[^\t\x20-\x7e]/g, '?')),
  octets.map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')),
  fc
    .array(
      fc.constantFrom(
        'max-age',
        '=',
        '60',
        '-1',
        '1e9',
        '9'.repeat(400),
        '"',
        ',',
        ' ',
        'no-store',
        'no-cache',
        ';',
        'private',
        '0',
        'Sun, 06 Nov 1994 08:49:37 GMT',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
)
const errorStatuses = [201, 204, 301, 302, 304, 400, 404, 410, 429, 500, 503, 599]
const status = fc.oneof(
  { weight: 5, arbitrary: fc.constant(200) },
  { weight: 1, arbitrary: fc.constantFrom(...errorStatuses) },
)
const answer = (body: fc.Arbitrary<string>): fc.Arbitrary<Answer> =>
  fc.record({
    status,
    headers: fc.dictionary(
      fc.constantFrom(
        'cache-control',
        'etag',
        'retry-after',
        'content-type',
        'content-length',
        'content-encoding',
        'location',
      ),
      fc.oneof(
        fieldValue,
        fc.constantFrom(...uris).map((uri) => uri.replace('\n', '')),
      ),
      { maxKeys: 3 },
    ),
    body,
    how: fc.constantFrom('whole', 'whole', 'whole', 'whole', 'in pieces', 'broken off', 'refused'),
  })

const phase: fc.Arbitrary<Phase> = fc.record({
  jwks: answer(jwksBody),
  metadata: fc.oneof(
    answer(metadataBody),
    fc.constant<Answer>({ status: 200, headers: {}, body: goodMetadata, how: 'whole' }),
  ),
  pause: fc.constantFrom(0, 1, 31, 61, 500, 700, 90_000, 200_000),
})

function respond({ status, headers, body, how }: Answer): Response {
  if (how === 'refused') throw new TypeError('fetch failed')
  const bytes = Buffer.from(body, 'latin1')
  if ([204, 304].includes(status)) return new Response(null, { status, headers })
  if (how === 'whole') return new Response(bytes, { status, headers })
  let at = 0
  const step = Math.max(1, Math.ceil(bytes.length / 20))
  const stream = new ReadableStream({
    pull(controller) {
      if (how === 'broken off' && at > 0) controller.error(new Error('reset'))
      else if (at >= bytes.length) controller.close()
      else controller.enqueue(new Uint8Array(bytes.subarray(at, at + step)))
      at += step
    },
  })
  return new Response(stream, { status, headers })
}

/** Valid for longer than all phases. */
const token = createInput({
  signer: 0,
  keySet: 'described',
  mutations: [{ at: 'claims', name: 'exp', value: NOW + 10_000_000 }],
}).token
if (goodClaims.iss !== ISS) throw new Error('the issuer is another one')

export function createDocuments(strict: boolean): Property {
  let inputs = 0
  const counts = new Map<string, number>()
  const watch = watchCrashes()

  async function play(discovered: boolean, phases: readonly Phase[], elsewhere: Answer) {
    let now = NOW
    let phase: Phase | undefined
    let slowest = 0
    const events: ValidatorEvent[] = []
    const api = createValidator({
      issuer: discovered ? ISS : { issuer: ISS, jwksUri: JWKS_URI },
      audience: AUD,
      now: () => now * 1000,
      onEvent: (event) => void events.push(event),
      fetch: async (url) => {
        const address = String(url)
        checkUrl(address)
        const isMetadata = address.includes('/.well-known/')
        if (phase !== undefined) return respond(isMetadata ? phase.metadata : phase.jwks)
        if (isMetadata) return new Response(goodMetadata)
        return address === JWKS_URI ? new Response(goodSet) : respond(elsewhere)
      },
    })
    const validate = async () => {
      const elapsed = startStopwatch()
      const outcome = await outcomeOf(api.validate(token))
      slowest = Math.max(slowest, elapsed())
      if (outcome instanceof AccessTokenError) checkRefusal(outcome, token, [401, 503])
      if (
        outcome instanceof ServiceUnavailableError &&
        !(outcome.retryAfter >= 1 && outcome.retryAfter <= 600)
      ) {
        throw new Error(`Retry-After: ${outcome.retryAfter}`)
      }
      const name = outcome instanceof AccessTokenError ? String(outcome.status) : 'accepted'
      counts.set(name, (counts.get(name) ?? 0) + 1)
      inputs++
      return outcome
    }
    for (phase of phases) {
      await validate()
      await settle()
      now += phase.pause
    }
    // No earlier response may affect the result a day after the server recovered. Retry-After is followed.
    phase = undefined
    now += 100_000
    let outcome = await validate()
    if (outcome instanceof ServiceUnavailableError) {
      now += outcome.retryAfter
      outcome = await validate()
    }
    if (outcome instanceof AccessTokenError) {
      throw new Error(`not recovered: ${outcome} ${JSON.stringify(outcome.detail)}`)
    }
    checkNothingLeaks(JSON.stringify(events), token)
    return slowest
  }

  const input = fc.record({
    discovered: fc.boolean(),
    phases: fc.array(phase, { minLength: 1, maxLength: 3 }),
    elsewhere: answer(fc.constant('')).filter(({ status }) => status >= 400),
  })
  const property = fc.asyncProperty(input, async ({ discovered, phases, elsewhere }) => {
    await expectFast(strict, () => play(discovered, phases, elsewhere))
    await watch.check()
  })
  return {
    property,
    inputs: () => inputs,
    summary() {
      for (const name of ['accepted', '401', '503']) {
        if (!counts.has(name)) throw new Error(`never ${name}`)
      }
      return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
    },
    close: async () => watch.close(),
  }
}

/** Waits until a background refresh has ended, before the clock advances. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn()
}

/** An independent check of fetched URLs: https like the issuer, no credentials, no fragment. */
function checkUrl(address: string): void {
  const { protocol, username, password, hash } = new URL(address)
  if (protocol !== 'https:' || `${username}${password}${hash}` !== '' || address.length > 2_100) {
    throw new Error(`fetched ${address}`)
  }
}
