import fc from 'fast-check'
import {
  type AnyAccessTokenError,
  InsufficientAuthenticationError,
  InsufficientScopeError,
  InvalidRequestError,
  InvalidTokenError,
  MissingTokenError,
  ServiceUnavailableError,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { isRealm } from '../../../src/options/resolve.ts'
import {
  type ChallengeSettings,
  createChallenges,
  createErrorHeaders,
} from '../../../src/response/challenge.ts'
import { parseChallenges } from '../../support/challenge-parser.ts'

function headersOf(error: AnyAccessTokenError, realm = 'api') {
  return createErrorHeaders(error, createChallenges({ realm }))
}

const json = { 'Content-Type': 'application/json' }

describe('the headers of a refusal', () => {
  it.each([
    ['a missing token', new MissingTokenError(), 'Bearer realm="api"', {}],
    [
      'a missing token if scopes are required',
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
      'missing scopes',
      new InsufficientScopeError(['a', 'b']),
      'Bearer realm="api", error="insufficient_scope", error_description="The access token does not grant what this request requires", scope="a b"',
      json,
    ],
    [
      'a refusal that is not about scopes',
      new InsufficientScopeError([]),
      'Bearer realm="api", error="insufficient_scope", error_description="The access token does not grant what this request requires"',
      json,
    ],
    [
      'an authentication that does not suffice',
      new InsufficientAuthenticationError({ acrValues: ['gold', 'silver'], maxAge: 0 }),
      'Bearer realm="api", error="insufficient_user_authentication", error_description="A stronger or more recent authentication of the user is required", acr_values="gold silver", max_age="0"',
      json,
    ],
    [
      'an authentication that does not suffice if scopes are required',
      new InsufficientAuthenticationError({ maxAge: 300, scopes: ['a', 'b'] }),
      'Bearer realm="api", error="insufficient_user_authentication", error_description="A stronger or more recent authentication of the user is required", max_age="300", scope="a b"',
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

  it('are Retry-After and no challenge if the keys are unavailable', () => {
    expect(headersOf(new ServiceUnavailableError('keys', 7))).toEqual({
      'Retry-After': '7',
      'Cache-Control': 'no-store',
    })
  })

  it('are the same when they are created twice', () => {
    const error = new InvalidTokenError('expired')
    expect(headersOf(error)).toEqual(headersOf(error))
  })

  it('do not share a list with the headers of another refusal', () => {
    const first = headersOf(new InvalidTokenError('expired'))['WWW-Authenticate']
    const second = headersOf(new InvalidTokenError('expired'))['WWW-Authenticate']
    expect(first).not.toBe(second)
  })
})

describe('the challenges of an API with metadata and DPoP', () => {
  const url = 'https://rs.test/.well-known/oauth-protected-resource/api'
  const dpop = { algs: 'ES256 PS256', required: false }

  function lines(
    error: AnyAccessTokenError,
    settings: Partial<ChallengeSettings>,
    scheme?: 'Bearer' | 'DPoP',
  ) {
    const all = createChallenges({ realm: 'api', ...settings })
    const headers = createErrorHeaders(error, all, scheme)
    const challenges = headers['WWW-Authenticate'] as readonly string[]
    return challenges.map((line) => {
      const [challenge, ...others] = parseChallenges(line)
      expect(others).toEqual([])
      return challenge
    })
  }

  const bearer = { realm: 'api', resource_metadata: url }
  const both = { resourceMetadataUrl: url, dpop }
  const proof = { ...bearer, algs: 'ES256 PS256' }
  const invalid = {
    error: 'invalid_token',
    error_description: 'The access token expired',
  }

  it('9728-5.1-a, MCP-dpop: name the metadata in every challenge, whatever the error', () => {
    const errors = [
      new MissingTokenError(['a']),
      new InvalidRequestError('What is wrong'),
      new InvalidTokenError('expired'),
      new InsufficientScopeError(['a']),
      new InsufficientAuthenticationError({ acrValues: ['gold'] }),
    ]
    for (const error of errors) {
      for (const scheme of ['Bearer', 'DPoP', undefined] as const) {
        const challenges = lines(error, both, scheme)
        expect(challenges).toHaveLength(2)
        for (const challenge of challenges) {
          expect(challenge?.parameters).toMatchObject({ realm: 'api', resource_metadata: url })
        }
      }
    }
  })

  it('9449-7.2-c have no error without a token, but the scopes in both', () => {
    for (const scheme of ['Bearer', 'DPoP', undefined] as const) {
      expect(lines(new MissingTokenError(['a']), both, scheme)).toEqual([
        { scheme: 'Bearer', parameters: { ...bearer, scope: 'a' } },
        { scheme: 'DPoP', parameters: { ...proof, scope: 'a' } },
      ])
    }
  })

  it('9449-7.2-d have the error in the challenge of the scheme that was used', () => {
    const error = new InvalidTokenError('expired')
    expect(lines(error, both, 'Bearer')).toEqual([
      { scheme: 'Bearer', parameters: { ...bearer, ...invalid } },
      { scheme: 'DPoP', parameters: proof },
    ])
    expect(lines(error, both, 'DPoP')).toEqual([
      { scheme: 'Bearer', parameters: bearer },
      { scheme: 'DPoP', parameters: { ...proof, ...invalid } },
    ])
  })

  it('9449-7.2-e have the error in both if the request used both schemes', () => {
    const challenges = lines(new InvalidRequestError('What is wrong'), both)
    expect(challenges.map((challenge) => challenge?.parameters.error)).toEqual([
      'invalid_request',
      'invalid_request',
    ])
  })

  it('9449-7.1-f, 9449-7.1-g name scopes and algs if a DPoP token lacks scopes', () => {
    const [clean, challenge] = lines(new InsufficientScopeError(['a', 'b']), both, 'DPoP')
    expect(clean).toEqual({ scheme: 'Bearer', parameters: bearer })
    expect(challenge).toMatchObject({
      scheme: 'DPoP',
      parameters: { ...proof, error: 'insufficient_scope', scope: 'a b' },
    })
  })

  it('9470-3-j, 9470-3-k name what a step-up needs in the DPoP challenge, beside algs', () => {
    const error = new InsufficientAuthenticationError({ acrValues: ['gold', 'silver'], maxAge: 5 })
    expect(lines(error, both, 'DPoP')[1]?.parameters).toMatchObject({
      ...proof,
      error: 'insufficient_user_authentication',
      acr_values: 'gold silver',
      max_age: '5',
    })
  })

  it.each([undefined, 'Bearer', 'DPoP'] as const)(
    '9449-7.1-d are only the DPoP challenge if DPoP is required: %s',
    (scheme) => {
      const required = { dpop: { algs: 'ES256', required: true } }
      expect(lines(new InvalidTokenError('expired'), required, scheme)).toEqual([
        { scheme: 'DPoP', parameters: { realm: 'api', algs: 'ES256', ...invalid } },
      ])
      expect(lines(new MissingTokenError(), required, scheme)).toEqual([
        { scheme: 'DPoP', parameters: { realm: 'api', algs: 'ES256' } },
      ])
    },
  )

  it('are only the Bearer challenge if DPoP is not enabled', () => {
    expect(lines(new InvalidTokenError('expired'), {}, 'Bearer')).toEqual([
      { scheme: 'Bearer', parameters: { realm: 'api', ...invalid } },
    ])
  })
})

describe('a realm', () => {
  it('is any printable ASCII, and is sent as configured', () => {
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

describe('the strict parser for every refusal in these tests', () => {
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
  ])('parses %s', (line, challenges) => {
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
