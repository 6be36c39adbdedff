import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createAuthorizationCodes } from '../../../src/testing/authorization-codes.ts'
import { createTestClock } from '../../../src/testing/clock.ts'

const client = { id: 'test-client', secret: 'test-secret' }
const redirectUri = 'http://127.0.0.1:9999/callback'
const grant = { client, subject: 'test-user', audience: 'https://api.example.com', scopes: [] }
const hash = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')

function createCodes() {
  const clock = createTestClock(() => 0)
  const codes = createAuthorizationCodes(clock)
  return {
    advance: clock.advance,
    issue: (verifier = 'a-verifier') =>
      codes.issue({ grant, redirectUri, codeChallenge: hash(verifier) }),
    redeem(code: string, changes: object = {}, from = client) {
      const form = { code, redirect_uri: redirectUri, code_verifier: 'a-verifier', ...changes }
      return codes.redeem(new Map(Object.entries<string>(form)), from)
    },
  }
}

const unusable = {
  error: 'invalid_grant',
  description: 'The code is unknown, expired, used or of another client',
}

it('returns the grant of a code for 60 seconds', () => {
  const { issue, redeem, advance } = createCodes()
  const [inTime, late] = [issue(), issue()]
  advance(60)
  expect(redeem(inTime)).toBe(grant)
  advance(0.001)
  expect(redeem(late)).toEqual(unusable)
})

it('keeps the last thousand codes', () => {
  const { issue, redeem } = createCodes()
  const codes = Array.from({ length: 1_001 }, () => issue())
  expect(new Set(codes).size).toBe(1_001)
  expect(codes.map((code) => redeem(code) === grant)).toEqual([
    false,
    ...Array<boolean>(1_000).fill(true),
  ])
})

it.each<[string, object, object]>([
  ['an unknown code', { code: 'unknown' }, unusable],
  [
    'another redirect URI',
    { redirect_uri: `${redirectUri}/` },
    {
      error: 'invalid_grant',
      description: 'The parameter redirect_uri differs from the authorization request',
    },
  ],
  [
    'another verifier',
    { code_verifier: 'another' },
    {
      error: 'invalid_grant',
      description: 'The parameter code_verifier does not match the code challenge',
    },
  ],
  [
    'another API',
    { resource: 'https://other.example.com' },
    { error: 'invalid_target', description: 'The code is for another API' },
  ],
])('refuses %s, and says so', (_, changes, error) => {
  const { issue, redeem } = createCodes()
  expect(redeem(issue(), changes)).toEqual(error)
})

it('refuses a code that is used, and one of another client', () => {
  const { issue, redeem } = createCodes()
  const code = issue()
  expect(redeem(code)).toBe(grant)
  expect(redeem(code)).toEqual(unusable)
  expect(redeem(issue(), {}, { id: 'other', secret: 'x' })).toEqual(unusable)
})

it('requires the verifier, even where the challenge is that of the empty text', () => {
  const codes = createAuthorizationCodes(createTestClock(() => 0))
  const code = codes.issue({ grant, redirectUri, codeChallenge: hash('') })
  const form = new Map([
    ['code', code],
    ['redirect_uri', redirectUri],
  ])
  expect(codes.redeem(form, client)).toMatchObject({ error: 'invalid_grant' })
})
