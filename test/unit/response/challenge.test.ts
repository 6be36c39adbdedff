import fc from 'fast-check'
import {
  type AccessTokenError,
  InsufficientScopeError,
  InvalidRequestError,
  InvalidTokenError,
  MissingTokenError,
  ServiceUnavailableError,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { challengeStart, completeHeaders, isRealm } from '../../../src/response/challenge.ts'
import { parseChallenges } from '../../support/challenge-parser.ts'

function headersOf(error: AccessTokenError, realm = 'api') {
  completeHeaders(error, challengeStart(realm))
  return error.headers
}

const json = { 'Content-Type': 'application/json' }

describe('the headers of a refusal', () => {
  it.each([
    ['a missing token', new MissingTokenError(), 'Bearer realm="api"', {}],
    [
      'a missing token where scopes are needed',
      new MissingTokenError(['a', 'b:c']),
      'Bearer realm="api", scope="a b:c"',
      {},
    ],
    [
      'a malformed request',
      new InvalidRequestError('What is wrong'),
      'Bearer realm="api", error="invalid_request", error_description="What is wrong"',
      json,
    ],
    [
      'an invalid token',
      new InvalidTokenError('expired'),
      'Bearer realm="api", error="invalid_token", error_description="The access token expired"',
      json,
    ],
    [
      'a lack of scopes',
      new InsufficientScopeError(['a', 'b']),
      'Bearer realm="api", error="insufficient_scope", error_description="The access token does not grant what this request requires", scope="a b"',
      json,
    ],
    [
      'a lack that no scope would end',
      new InsufficientScopeError([]),
      'Bearer realm="api", error="insufficient_scope", error_description="The access token does not grant what this request requires"',
      json,
    ],
  ])('are one challenge for %s', (_name, error, challenge, others) => {
    expect(headersOf(error)).toEqual({
      'WWW-Authenticate': [challenge],
      'Cache-Control': 'no-store',
      ...others,
    })
    expect(parseChallenges(challenge)).toHaveLength(1)
  })

  it('are Retry-After and no challenge where the keys are unavailable', () => {
    expect(headersOf(new ServiceUnavailableError('keys', 7))).toEqual({
      'Retry-After': '7',
      'Cache-Control': 'no-store',
    })
  })

  it('are the same when they are completed twice', () => {
    const error = new InvalidTokenError('expired')
    expect(headersOf(error)).toEqual(headersOf(error))
  })

  it('do not share a list with the headers of another refusal', () => {
    const first = headersOf(new InvalidTokenError('expired'))['WWW-Authenticate']
    const second = headersOf(new InvalidTokenError('expired'))['WWW-Authenticate']
    expect(first).not.toBe(second)
  })
})

describe('a realm', () => {
  it('is any printable ASCII, and arrives as it was configured', () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index))
    const realms = fc.string({ unit: fc.constantFrom(...printable), minLength: 1 })
    fc.assert(
      fc.property(realms, (realm) => {
        expect(isRealm(realm)).toBe(true)
        const [line] = headersOf(new MissingTokenError(['a']), realm)['WWW-Authenticate'] ?? []
        expect(parseChallenges(line as string)).toEqual([
          { scheme: 'Bearer', parameters: { realm, scope: 'a' } },
        ])
      }),
    )
  })

  it.each(['', 'a\n', '\ra', 'a\0', '\x1f', '\x7f', '\x80', 'é', '\u2028', '😀', '\ud800'])(
    'is not %j',
    (realm) => {
      expect(isRealm(realm)).toBe(false)
    },
  )
})

describe('the strict parser that every refusal in these tests goes through', () => {
  it.each([
    ['Bearer realm="a"', [{ scheme: 'Bearer', parameters: { realm: 'a' } }]],
    [
      'Bearer realm="a\\"b\\\\c", ERROR="x"',
      [{ scheme: 'Bearer', parameters: { realm: 'a"b\\c', error: 'x' } }],
    ],
    [
      'Basic realm="a, b=\\"c\\"", DPoP algs="ES256 PS256"',
      [
        { scheme: 'Basic', parameters: { realm: 'a, b="c"' } },
        { scheme: 'DPoP', parameters: { algs: 'ES256 PS256' } },
      ],
    ],
    [
      'Negotiate, Negotiate abc==, Digest a=b, stale=true',
      [
        { scheme: 'Negotiate', parameters: {} },
        { scheme: 'Negotiate', parameters: {} },
        { scheme: 'Digest', parameters: { a: 'b', stale: 'true' } },
      ],
    ],
  ])('reads %s', (line, challenges) => {
    expect(parseChallenges(line)).toEqual(challenges)
  })

  it.each([
    '',
    ' ',
    'Bearer',
    'Bearer ',
    'Bearer,',
    'Bearer abc',
    'Bearer realm=a',
    'Bearer realm="a" ',
    'Bearer realm="a",',
    ' Bearer realm="a"',
    'Bearer realm="a"; error="b"',
    'Bearer realm="a",error="b"',
    'Bearer realm="a"  , error="b"',
    'Bearer realm = "a"',
    'Bearer realm="a" error="b"',
    'Bearer realm="a',
    'Bearer realm="a\\"',
    'Bearer realm="é"',
    'Bearer realm="\n"',
    'Bearer realm="a", realm="b"',
    'Bearer realm="a", Realm="a"',
    'Bearer error=invalid_token',
    'Bearer error="a\\"b"',
    'Bearer error_description="a\\\\b"',
    'Bearer error=""',
    'Bearer scope=a',
    'Bearer scope=""',
    'Bearer scope="a  b"',
    'Bearer scope=" a"',
    'Bearer scope="a "',
    'Bearer scope="a\\"b"',
    'Bearer error_uri="https://a b"',
    'Bearer\trealm="a"',
    'Bea(rer realm="a"',
    'Bearer realm="a", , error="b"',
  ])('refuses %j', (line) => {
    expect(() => parseChallenges(line)).toThrow(SyntaxError)
  })
})
