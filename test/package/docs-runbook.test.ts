/** The logging guide and its example print every log line that the runbook refers to. */
import { formatWithOptions } from 'node:util'
import type { ValidatorEvent } from 'oauth-resource-server'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { docsFile, root } from '../support/docs.ts'
import { createGuideRunner } from '../support/guides.ts'

type Type = ValidatorEvent['type']
type OnEvent = (event: ValidatorEvent) => unknown
type Values = Readonly<Record<string, unknown>>

const cause = new Error('the-cause', { cause: new Error('its-cause') })
const detail = { expected: 'the-expected', actual: 'the-actual', hint: 'the-hint', kid: 'the-kid' }
const issuer = 'https://auth.example.com/'
const method = 'client_secret_basic'

/** An event of each type, with all its members. */
const samples: { readonly [T in Type]: Extract<ValidatorEvent, { type: T }> } = {
  'token.accepted': { type: 'token.accepted', issuer, proofs: [], cached: false, durationMs: 1 },
  'token.refused': {
    type: 'token.refused',
    status: 401,
    reason: 'expired',
    issuer,
    clientId: 'the-client',
    detail,
    cause,
    durationMs: 1,
  },
  'token.missing': { type: 'token.missing', hint: 'the-hint' },
  'callback.failed': { type: 'callback.failed', cause },
  'keys.refreshed': {
    type: 'keys.refreshed',
    issuer,
    keys: 2,
    skipped: 0,
    added: 17,
    removed: 19,
    durationMs: 1,
  },
  'keys.failed': {
    type: 'keys.failed',
    issuer,
    reason: 'network',
    cause,
    serving: 'stale',
    retryAfter: 23,
    durationMs: 1,
  },
  'keys.rate_limited': { type: 'keys.rate_limited', issuer },
  'issuers.rate_limited': { type: 'issuers.rate_limited', limit: 'fetches_in_flight' },
  'keys.skipped': { type: 'keys.skipped', issuer, kid: 'the-kid', reason: 'private' },
  'metadata.refreshed': { type: 'metadata.refreshed', issuer, jwksUri: `${issuer}jwks` },
  'metadata.failed': { type: 'metadata.failed', issuer, reason: 'network', cause },
  'introspection.failed': {
    type: 'introspection.failed',
    issuer,
    reason: 'status',
    method,
    hint: 'the-hint',
    cause,
    retryAfter: 29,
    durationMs: 1,
  },
  'introspection.rate_limited': {
    type: 'introspection.rate_limited',
    issuer,
    limit: 'inactive_tokens',
  },
  'introspection.only_inactive': {
    type: 'introspection.only_inactive',
    issuer,
    responses: 20,
    seconds: 600,
    hint: 'the-hint',
  },
  'introspection.method_unlisted': {
    type: 'introspection.method_unlisted',
    issuer,
    method,
    listed: 'private_key_jwt',
  },
}

const types = Object.keys(samples) as Type[]
const isServing = (word: string) => ['fresh', 'stale', 'nothing'].includes(word)
const spans = [...docsFile('docs/runbook.md').text.matchAll(/`([^`\n]+)`/g)].map(
  ([, code = '']) => code,
)
/** Every log line that the runbook names: an event type, and words of that line. `token.accepted` is for metrics. */
const named = [...new Set(spans)].flatMap((line) => {
  const [type = '', ...words] = line.split(' ').filter((word) => word !== '…')
  return types.includes(type as Type) && type !== 'token.accepted'
    ? [{ line, type: type as Type, words }]
    : []
})
/** The reasons of DPoP proofs, which the runbook names beside the log line. */
const proofReasons = ['wrong_uri', 'too_old', 'issued_in_future', 'replayed']

/** The event that a log line is about. */
function eventOf(type: Type, words: readonly string[]): ValidatorEvent {
  const [status, reason, more] = words
  if (type === 'token.refused' && status !== undefined) {
    const named = { status: Number(status), ...(reason && { reason }) }
    return { ...samples[type], ...named, ...(more && { service: more }) } as ValidatorEvent
  }
  const members = words.map((word) => (isServing(word) ? { serving: word } : { reason: word }))
  return Object.assign({}, samples[type], ...members) as ValidatorEvent
}

/** The values that the operator needs. */
function valuesOf(event: ValidatorEvent): unknown[] {
  const { detail, cause, issuer, durationMs, method, keys, skipped, ...rest } =
    event as unknown as Values
  const causes = cause === undefined ? [] : ['the-cause', 'its-cause']
  return [...Object.values(rest), ...Object.values(detail ?? {}), ...causes]
}

const { folder, importGuide, atEnd, end } = createGuideRunner('runbook')
const printed: { level: string; text: string }[] = []
let printers: Readonly<Record<string, OnEvent>>

beforeAll(async () => {
  vi.stubEnv('ISSUER', issuer)
  vi.stubEnv('AUDIENCE', 'https://api.example.com')
  vi.stubEnv('PORT', '0')
  vi.spyOn(console, 'log').mockReturnValue()
  const guide = await importGuide<{ validator: { onEvent: OnEvent } }>('observability', 'onEvent', {
    'createValidator({': '({',
  })
  const example: { log: OnEvent } = await import(`${root}/examples/observability/log-line.js`)
  printers = { guide: guide.validator.onEvent, 'log-line.js': example.log }
  vi.unstubAllEnvs()
})
afterEach(end)
afterAll(() => folder.remove())

/** What a printer prints for an event. */
function print(printer: string, event: ValidatorEvent): { level: string; text: string } {
  printed.length = 0
  for (const level of ['log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((...line) => {
      printed.push({ level, text: formatWithOptions({ depth: 9 }, ...line) })
    })
  }
  atEnd(() => vi.restoreAllMocks())
  printers[printer]?.(event)
  expect(printed).toHaveLength(1)
  const { level, text } = printed[0] as (typeof printed)[number]
  return level === 'log' ? { level: JSON.parse(text).level, text } : { level, text }
}

const lines = ['guide', 'log-line.js'].flatMap((printer) =>
  named.map((entry) => [printer, entry.line, entry] as const),
)

describe('the log lines of the runbook', () => {
  it('are recognised', () => {
    const found = named.map(({ line }) => line)
    expect(found).toContain('token.refused 503 service_unavailable replay_store')
    expect(found).toContain('introspection.failed … credentials_refused')
    expect(found.length).toBeGreaterThan(30)
  })

  it.each(lines)('are printed by the %s: %s', (printer, _line, { type, words }) => {
    const event = eventOf(type, words)
    const { text } = print(printer, event)
    for (const value of [...words, ...valuesOf(event)]) expect(text).toContain(String(value))
  })

  it.each(['guide', 'log-line.js'])('have the reason of a DPoP proof in the %s', (printer) => {
    expect(spans).toEqual(expect.arrayContaining(proofReasons))
    for (const proofReason of proofReasons) {
      const event = { ...samples['token.refused'], reason: 'invalid_dpop_proof', proofReason }
      expect(print(printer, event as ValidatorEvent).text).toContain(proofReason)
    }
  })

  it.each(['guide', 'log-line.js'])('are errors in the %s where a service fails', (printer) => {
    const failures = [
      eventOf('token.refused', ['503', 'service_unavailable', 'keys']),
      eventOf('keys.failed', ['nothing']),
      samples['introspection.failed'],
      samples['callback.failed'],
    ]
    expect(failures.map((event) => print(printer, event).level)).toEqual(Array(4).fill('error'))
    expect(print(printer, samples['token.refused']).level).toBe('info')
    const warnings = types.filter((type) => /rate_limited|only_inactive|skipped/.test(type))
    for (const type of warnings) expect(print(printer, samples[type]).level).toBe('warn')
  })
})

describe('the alerts of the runbook', () => {
  it('name every event that is not for metrics only', () => {
    const { text } = docsFile('docs/runbook.md')
    const alerts = text.slice(text.indexOf('## Alerts'))
    const silent = ['token.missing', 'keys.refreshed', 'metadata.refreshed']
    const missing = types.filter((type) => !silent.includes(type) && !alerts.includes(`\`${type}`))
    expect(missing).toEqual([])
  })
})
