import { createSecretKey } from 'node:crypto'
import { CompactEncrypt } from 'jose'
import {
  type AccessToken,
  type InvalidTokenReason,
  invalidTokenReasons,
} from 'oauth-resource-server'
import { afterEach, describe, expect, it } from 'vitest'
import { createApi, JWKS_URI, partsOf, remoteIssuer } from '../support/checked-validator.ts'
import { encrypt, makeRsaKey } from '../support/encryption.ts'
import {
  AUD,
  base64url,
  claimsT0,
  ec1,
  fixtureValidator,
  ISS,
  jwks,
  makeKey,
  ps1,
  rsa1,
  seconds,
  signParts,
  t0,
} from '../support/fixture.ts'

const api = createApi()
const relaxed = createApi({ profile: 'jwt' })
const good = t0()

/** A stopped clock, and the options of an API that uses it. */
const time = 1_800_000_000
const stopped = { now: () => time * 1000 }
const issuedNow = (claims: Record<string, unknown>) => t0({ iat: time, exp: time + 300, ...claims })

afterEach(async () => {
  await api.accepts(good)
})

describe('section 2.1, the header', () => {
  it('9068-2.1-rs256 RS256 is among the algorithms that are accepted by default', async () => {
    expect((await api.accepts(t0())).header?.alg).toBe('RS256')
  })
})

describe('section 4, typ', () => {
  it.each(['at+jwt', 'at+JWT', 'AT+JWT', 'application/at+jwt', 'Application/AT+JWT'])(
    '9068-4-typ-a typ %j is an access token, because media types are case-insensitive',
    async (typ) => {
      await api.accepts(t0({}, { typ }))
    },
  )

  it.each([
    'JWT',
    'jwt',
    'id_token',
    'application/jwt',
    'at+jwt+x',
    'x-at+jwt',
    'text/at+jwt',
    'at+jwt;v=1',
    ' at+jwt',
    'at+jwt ',
    'at+jwt\n',
    'application/application/at+jwt',
    '',
  ])('9068-4-typ-b typ %j is refused', async (typ) => {
    await api.refuses(t0({}, { typ }), 'wrong_type')
  })

  it('9068-4-typ-c a missing typ is refused', async () => {
    await api.refuses(t0({}, { typ: undefined }), 'wrong_type')
  })

  it.each([[['at+jwt']], [1], [null], [{}], [true]])(
    '9068-4-typ-d typ %j, which is not a string, is refused in both profiles',
    async (typ) => {
      await api.refuses(t0({}, { typ }), 'wrong_type')
      await relaxed.refuses(t0({}, { typ }), 'wrong_type')
    },
  )

  it.each([
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'token-introspection+jwt',
    'oauth-authz-req+jwt',
    'client-authentication+jwt',
    'id+jwt',
    'entity-statement+jwt',
    'kb+jwt',
    'dc+sd-jwt',
    'txntoken+jwt',
    'oauth-id-jag+jwt',
    'application/dpop+jwt',
    'DPoP+JWT',
    'JOSE',
  ])('9068-4-typ-e a JWT of the type %j is refused, even with the profile jwt', async (typ) => {
    await relaxed.refuses(t0({}, { typ }), 'wrong_type')
  })

  it.each([undefined, 'JWT', 'jwt', 'application/jwt', 'at+jwt', 'application/at+jwt'])(
    '9068-4-typ-e typ %j is accepted with the profile jwt',
    async (typ) => {
      await relaxed.accepts(t0({}, { typ }))
    },
  )

  it('9068-4-typ-e the profile jwt is the default', async () => {
    await fixtureValidator({ profile: undefined }).validate(t0({}, { typ: 'JWT' }))
  })
})

describe('section 5, ID tokens', () => {
  const idToken = {
    nonce: 'n',
    at_hash: 'h',
    auth_time: seconds(),
    jti: undefined,
    scope: undefined,
  }

  it('9068-4-idt-a an ID token is refused for its audience with the profile jwt', async () => {
    const token = t0({ ...idToken, aud: 'client-1', client_id: undefined }, { typ: 'JWT' })
    await api.refuses(token, 'wrong_type')
    await relaxed.refuses(token, 'wrong_audience')
  })

  it('9068-4-idt-a an ID token whose audience was forced is refused for its typ', async () => {
    await api.refuses(t0(idToken, { typ: 'JWT' }), 'wrong_type')
  })
})

describe('section 4, encryption', () => {
  const key = makeRsaKey({ kid: 'enc' })
  const encrypted = createApi({ issuer: { issuer: ISS, jwks, decryptionKeys: { keys: [key] } } })

  it('9068-4-enc-a an encrypted token is decrypted, and the token in it verified', async () => {
    expect((await encrypted.accepts(await encrypt(good, key))).subject).toBe('user-1')
    const [header, payload] = partsOf(good)
    const forged = `${header}.${payload}.${base64url('0'.repeat(256))}`
    await encrypted.refuses(await encrypt(forged, key), 'bad_signature')
    await encrypted.refuses(await encrypt(t0({ aud: 'x' }), key), 'wrong_audience')
  })

  it('9068-4-enc-b a token that is not encrypted is refused where the issuer encrypts', async () => {
    await encrypted.refuses(good, 'not_encrypted')
  })

  const segment = base64url('0123456789abcdef')
  const opaque = base64url('{"alg":"dir","enc":"A256GCM","iss":"https://as.test/"}')

  it.each([
    ['opaque as Auth0 issues it', `${opaque}..${segment}.${segment}.${segment}`],
    ['of five full parts', [opaque, segment, segment, segment, segment].join('.')],
    ['of five empty parts', '....'],
    ['whose five parts are not base64url', 'a.+.=.~. '],
  ])('9068-4-enc-c a JWE %s is refused, and no key is fetched', async (_, token) => {
    const cold = createApi({ issuer: remoteIssuer }, { [JWKS_URI]: jwks })
    await cold.refuses(token, 'encrypted')
    expect(cold.requests).toEqual([])
  })

  it('9068-4-enc-c an encrypted valid access token is refused', async () => {
    const token = await new CompactEncrypt(Buffer.from(good))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'at+jwt' })
      .encrypt(createSecretKey(Buffer.alloc(32, 1)))
    await api.refuses(token, 'encrypted')
  })
})

describe('section 4, iss', () => {
  it.each([
    `${ISS}/`,
    'https://AS.TEST',
    'HTTPS://as.test',
    'http://as.test',
    `${ISS}.evil.test`,
    `${ISS}/x`,
    `${ISS}:443`,
    'https://%61s.test',
    'https://as.test%2F',
    ISS.slice(0, -1),
    ISS.slice(1),
    `x${ISS}`,
    ` ${ISS}`,
    `${ISS} `,
    `${ISS}#`,
    `${ISS}?`,
  ])('9068-4-iss-a iss %j is not the issuer, and no keys are fetched', async (iss) => {
    const cold = createApi({ issuer: remoteIssuer }, { [JWKS_URI]: jwks })
    await cold.refuses(t0({ iss }), 'wrong_issuer')
    expect(cold.requests).toEqual([])
    await cold.accepts(t0())
  })

  it.each([
    [undefined, 'missing_claim'],
    [[ISS], 'invalid_claim'],
    [null, 'invalid_claim'],
    [1, 'invalid_claim'],
    ['', 'invalid_claim'],
    [{ toString: ISS }, 'invalid_claim'],
  ] as const)('9068-4-iss-b iss %j is refused in both profiles', async (iss, reason) => {
    await api.refuses(t0({ iss }), reason)
    await relaxed.refuses(t0({ iss }), reason)
  })

  it('9068-4-iss-c an issuer with a slash at its end matches with the slash only', async () => {
    const auth0 = createApi({ issuer: { issuer: `${ISS}/`, jwks } })
    await auth0.accepts(t0({ iss: `${ISS}/` }))
    const { detail } = await auth0.refuses(t0(), 'wrong_issuer')
    expect(detail.hint).toMatch(/slash at the end/)
  })
})

describe('section 4, aud', () => {
  it.each([[AUD], [[AUD]], [['https://x', AUD]], [[AUD, AUD]]])(
    '9068-4-aud-a aud %j is for this API',
    async (aud) => {
      expect((await api.accepts(t0({ aud }))).audience).toEqual([aud].flat())
    },
  )

  it.each([
    ['https://other.test'],
    [[]],
    [''],
    [['']],
    [`${AUD}/`],
    [AUD.toUpperCase()],
    [`${AUD}/x`],
    ['https://rs.test'],
    ['https://rs.test/'],
    ['*'],
    [['*', `${AUD}/`]],
  ])('9068-4-aud-b aud %j is not for this API', async (aud) => {
    await api.refuses(t0({ aud }), 'wrong_audience')
    await relaxed.refuses(t0({ aud }), 'wrong_audience')
  })

  it('9068-4-aud-c a token without aud is refused', async () => {
    await api.refuses(t0({ aud: undefined }), 'missing_claim')
    await relaxed.refuses(t0({ aud: undefined }), 'missing_claim')
  })

  it.each([undefined, null, '', [], [''], [AUD, 1], true, 1, {}])(
    '9068-4-aud-c the option audience %j is refused at construction',
    (audience) => {
      expect(() => fixtureValidator({ audience: audience as never })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^audience/) }),
      )
    },
  )

  it('9068-4-aud-c only audience: false disables the check', async () => {
    const anyAudience = createApi({ audience: false, profile: 'jwt' })
    await anyAudience.accepts(t0({ aud: 'https://other.test' }))
    await anyAudience.accepts(t0({ aud: undefined }))
    await expect(anyAudience.validator.validate(t0({ aud: 1 }))).rejects.toThrow(/malformed/)
    await expect(
      fixtureValidator({ audience: false }).validate(t0({ aud: undefined })),
    ).rejects.toMatchObject({ reason: 'missing_claim' })
  })

  it.each([{ 0: AUD }, 1, true, null, { includes: 1 }, { length: 1, 0: AUD }])(
    '9068-4-aud-d aud %j is neither a string nor an array',
    async (aud) => {
      await api.refuses(t0({ aud }), 'invalid_claim')
      await relaxed.refuses(t0({ aud }), 'invalid_claim')
    },
  )

  it.each([[[AUD, 42]], [[42]], [[[AUD]]], [[null]], [[{ x: AUD }]]])(
    '9068-4-aud-e aud %j contains values that are not strings',
    async (aud) => {
      await api.refuses(t0({ aud }), 'invalid_claim')
    },
  )

  it.each([`${AUD} https://x`, `https://x ${AUD}`, `prefix${AUD}`, `x${AUD}x`, AUD.slice(0, -1)])(
    '9068-4-aud-f aud %j only contains the identifier',
    async (aud) => {
      await api.refuses(t0({ aud }), 'wrong_audience')
      await api.refuses(t0({ aud: [aud] }), 'wrong_audience')
    },
  )

  it('9068-4-aud-g each of several configured audiences is accepted, and no other', async () => {
    const several = createApi({ audience: ['https://a1.test', 'https://a2.test'] })
    await several.accepts(t0({ aud: 'https://a1.test' }))
    await several.accepts(t0({ aud: 'https://a2.test' }))
    await several.refuses(t0(), 'wrong_audience')
  })
})

describe('section 4, alg and the signature', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', 'none '])(
    '9068-4-alg-a alg %j is refused, with and without a signature',
    async (alg) => {
      const [header, payload, signature] = partsOf(t0({}, { alg }))
      for (const profile of [api, relaxed]) {
        await profile.refuses(`${header}.${payload}.`, 'wrong_algorithm')
        await profile.refuses(`${header}.${payload}.${signature}`, 'wrong_algorithm')
      }
    },
  )

  const [header, payload, signature] = partsOf(good)
  const changed = (segment: string, from: string, to: string) => {
    const text = Buffer.from(segment, 'base64url').toString()
    expect(text).toContain(from)
    return base64url(text.replace(from, to))
  }
  const flipped = (at: number) => {
    const bytes = Buffer.from(signature, 'base64url')
    bytes[at] = (bytes[at] as number) ^ 1
    return base64url(bytes)
  }

  it('9068-4-sig-a one bit flipped in the header, the payload or the signature is refused', async () => {
    // 'J' and 'j', '1' and '0' differ in one bit. The changed tokens pass every other check.
    await api.refuses(
      `${changed(header, 'at+jwt', 'at+Jwt')}.${payload}.${signature}`,
      'bad_signature',
    )
    await api.refuses(
      `${header}.${changed(payload, 'user-1', 'user-0')}.${signature}`,
      'bad_signature',
    )
    for (const at of [0, 1, 128, 254, 255]) {
      await api.refuses(`${header}.${payload}.${flipped(at)}`, 'bad_signature')
    }
  })

  it('9068-4-sig-a an empty signature and the signature of another token are refused', async () => {
    await api.refuses(`${header}.${payload}.`, 'bad_signature')
    await api.refuses(`${header}.${payload}.${partsOf(t0())[2]}`, 'bad_signature')
  })

  it('9068-4-sig-a a token signed with an unpublished key is refused, with any kid', async () => {
    const unpublished = makeKey('RS256', 'rsa1')
    await api.refuses(t0({}, {}, unpublished), 'bad_signature')
    await api.refuses(t0({}, { kid: undefined }, unpublished), 'bad_signature')
    await api.refuses(t0({}, { kid: 'other' }, unpublished), 'unknown_key')
  })

  it('9068-4-sig-a a signature over bytes that differ from the segments is refused', async () => {
    const input = `${base64url(` ${JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa1' })}`)}.${payload}`
    await api.refuses(`${input}.${signature}`, 'bad_signature')
  })

  it('9068-4-err-a every failed check is answered with invalid_token', async () => {
    const strict = createApi({ ...stopped, maxTokenAge: 600, clockTolerance: 0 })
    const issued = (claims: object, header?: Record<string, unknown>, key = rsa1) =>
      t0({ iat: time, exp: time + 300, ...claims }, header, key)
    // These need introspection, decryption keys, a DPoP proof, or a function of the application.
    const elsewhere = [
      'inactive',
      'not_encrypted',
      'decryption_failed',
      'binding_mismatch',
      'revoked',
    ] as const
    const tokens: Record<Exclude<InvalidTokenReason, (typeof elsewhere)[number]>, string> = {
      malformed: 'a.b.c',
      encrypted: 'a.b.c.d.e',
      critical_header: issued({}, { crit: ['exp'] }),
      wrong_algorithm: issued({}, { alg: 'none' }),
      wrong_type: issued({}, { typ: 'JWT' }),
      wrong_issuer: issued({ iss: 'https://evil.test' }),
      wrong_audience: issued({ aud: 'https://other.test' }),
      expired: issued({ exp: time }),
      not_yet_valid: issued({ nbf: time + 1 }),
      issued_in_future: issued({ iat: time + 61 }),
      too_old: issued({ iat: time - 600 }),
      missing_claim: issued({ jti: undefined }),
      invalid_claim: issued({ jti: 1 }),
      unsupported_binding: issued({ cnf: { jkt: 'x' } }),
      unknown_key: issued({}, { kid: 'rsa2' }),
      bad_signature: issued({}, { kid: 'rsa1' }, { ...rsa1, privateKey: ps1.privateKey }),
    }
    expect([...Object.keys(tokens), ...elsewhere].sort()).toEqual([...invalidTokenReasons].sort())
    for (const [reason, token] of Object.entries(tokens)) {
      const error = await strict.refuses(token, reason as InvalidTokenReason)
      expect(error.headers['WWW-Authenticate']?.[0]).toMatch(/^Bearer .*error="invalid_token"/)
    }
  })
})

describe('section 4, exp, nbf and iat', () => {
  it.each([
    [0, 0, 'expired'],
    [0, 1, undefined],
    [0, 0.001, undefined],
    [0, -1, 'expired'],
    [5, -4, undefined],
    [5, -4.999, undefined],
    [5, -5, 'expired'],
    [5, -6, 'expired'],
    [300, -299, undefined],
    [300, -300, 'expired'],
  ] as const)(
    '9068-4-exp-a with a tolerance of %j s, exp at now plus %j s: %s',
    async (clockTolerance, offset, reason) => {
      const clocked = createApi({ ...stopped, clockTolerance })
      const token = issuedNow({ iat: time - 600, exp: time + offset })
      if (reason === undefined) await clocked.accepts(token)
      else await clocked.refuses(token, reason)
    },
  )

  it('9068-4-exp-a the tolerance is 5 s by default', async () => {
    const byDefault = createApi(stopped)
    await byDefault.accepts(issuedNow({ exp: time - 4 }))
    await byDefault.refuses(issuedNow({ exp: time - 5 }), 'expired')
  })

  it.each([301, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null])(
    '9068-4-exp-a a clockTolerance of %j is refused at construction',
    (clockTolerance) => {
      expect(() => fixtureValidator({ clockTolerance: clockTolerance as never })).toThrow(
        'clockTolerance must be a number of seconds between 0 and 300',
      )
    },
  )

  it('9068-4-exp-a a token that was accepted is refused once it has expired', async () => {
    let now = time
    const clocked = createApi({ now: () => now * 1000 })
    const token = issuedNow({})
    await clocked.accepts(token)
    now = time + 304
    await clocked.accepts(token)
    now = time + 305
    await clocked.refuses(token, 'expired')
    await clocked.refuses(token, 'expired')
  })

  it.each([
    ['equal to now', 0, undefined],
    ['in the past', -100, undefined],
    ['at the edge of the tolerance', 5, undefined],
    ['just beyond the tolerance', 5.001, 'not_yet_valid'],
    ['in a minute', 60, 'not_yet_valid'],
  ] as const)('9068-nbf nbf %s', async (_, offset, reason) => {
    const clocked = createApi(stopped)
    const token = issuedNow({ nbf: time + offset })
    if (reason === undefined) await clocked.accepts(token)
    else await clocked.refuses(token, reason)
  })

  it.each([
    [5, 60, undefined],
    [5, 60.001, 'issued_in_future'],
    [5, 3600, 'issued_in_future'],
    [0, 60, undefined],
    [300, 300, undefined],
    [300, 301, 'issued_in_future'],
  ] as const)(
    '9068-iat-fut with a tolerance of %j s, iat %j s in the future: %s',
    async (clockTolerance, offset, reason) => {
      const clocked = createApi({ ...stopped, clockTolerance, profile: 'jwt' })
      const token = issuedNow({ iat: time + offset, exp: time + 7200 })
      if (reason === undefined) await clocked.accepts(token)
      else await clocked.refuses(token, reason)
    },
  )

  it.each([
    [-604, undefined],
    [-605, 'too_old'],
    [-700, 'too_old'],
  ] as const)(
    '9068-maxage with a maxTokenAge of 600 s, iat at now plus %j s: %s',
    async (offset, reason) => {
      const clocked = createApi({ ...stopped, maxTokenAge: 600 })
      const token = issuedNow({ iat: time + offset })
      if (reason === undefined) await clocked.accepts(token)
      else await clocked.refuses(token, reason)
    },
  )

  it('9068-maxage a token without iat is refused if its age is limited', async () => {
    await createApi({ maxTokenAge: 600, profile: 'jwt' }).refuses(
      t0({ iat: undefined }),
      'missing_claim',
    )
  })

  it('9068-maxage a token that was accepted is refused once it is too old', async () => {
    let now = time
    const clocked = createApi({ now: () => now * 1000, maxTokenAge: 60 })
    const token = issuedNow({})
    await clocked.accepts(token)
    now = time + 65
    await clocked.refuses(token, 'too_old')
  })
})

describe('section 2.2, claims', () => {
  it.each(['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])(
    '9068-2.2-a a token without %s is refused',
    async (name) => {
      const error = await api.refuses(t0({ [name]: undefined }), 'missing_claim')
      expect(error.detail.name).toBe(name)
    },
  )

  it.each(['sub', 'client_id', 'iat', 'jti'])(
    '9068-2.2-a the profile jwt does not require %s',
    async (name) => {
      await relaxed.accepts(t0({ [name]: undefined }))
    },
  )

  it.each(['iss', 'exp', 'aud'])('9068-2.2-a the relaxed profile requires %s', async (name) => {
    await relaxed.refuses(t0({ [name]: undefined }), 'missing_claim')
  })

  describe.each(['sub', 'client_id', 'jti'])('the claim %s', (name) => {
    it.each([[1], [null], [['x']], [{}], [true], ['']])(
      `9068-2.2-b ${name} %j is refused in both profiles`,
      async (value) => {
        await api.refuses(t0({ [name]: value }), 'invalid_claim')
        await relaxed.refuses(t0({ [name]: value }), 'invalid_claim')
      },
    )
  })

  it.each([['1700000000'], [null], [true], [{}], [[1_700_000_000]], ['']])(
    '9068-2.2-c iat %j is not a NumericDate',
    async (iat) => {
      await api.refuses(t0({ iat }), 'invalid_claim')
      await relaxed.refuses(t0({ iat }), 'invalid_claim')
    },
  )
})

describe('section 2.2.3, authorization claims', () => {
  const both = { scopes: 'read:a write:a' }
  const scopesOf = async (claims: object, options = {}) =>
    (await createApi(options).accepts(t0({ ...claims }))).scopes

  it('9068-2.2.3-a scope is a string that is split at spaces', async () => {
    const token = await api.accepts(t0({ scope: 'read:a write:a' }), both)
    expect(token.scopes).toEqual(['read:a', 'write:a'])
    await api.forbids(t0({ scope: 'read:a' }), both, 'read:a write:a')
    await api.forbids(t0({ scope: undefined }), both, 'read:a write:a')
  })

  it('9068-2.2.3-b scope may be an array of strings, without an option', async () => {
    await api.accepts(t0({ scope: ['read:a', 'write:a'] }), both)
    expect(await scopesOf({ scope: ['read:a', 1, 'x y'] })).toEqual(['read:a'])
  })

  it.each([
    [['read:a write:a']],
    [[['read:a', 'write:a']]],
    [['read:a', 1]],
    [{ 0: 'read:a', 1: 'write:a' }],
    [1],
    [true],
    [{}],
    [null],
  ])('9068-2.2.3-b scope %j does not grant both scopes', async (scope) => {
    await api.forbids(t0({ scope }), both, 'read:a write:a')
    const configured = createApi({ scopeClaim: 'scope' })
    await configured.forbids(t0({ scope }), both, 'read:a write:a')
  })

  it('9068-2.2.3-c scp is read only if it is configured, and never merged with scope', async () => {
    const scp = ['read:a', 'write:a']
    await api.forbids(t0({ scope: undefined, scp }), both, 'read:a write:a')
    expect(await scopesOf({ scope: 'read:a', scp: 'write:a' })).toEqual(['read:a'])
    const configured = { scopeClaim: 'scp' }
    expect(await scopesOf({ scope: 'admin', scp }, configured)).toEqual(scp)
    expect(await scopesOf({ scope: 'admin', scp: 'read:a write:a' }, configured)).toEqual(scp)
    expect(await scopesOf({ scope: 'admin' }, configured)).toEqual([])
  })

  it('9068-2.2.3-c a function reads scopes from any claim', async () => {
    const scopeClaim = ({ roles }: { roles?: unknown }) => roles as string[]
    expect(await scopesOf({ roles: ['a', 'b c', 1] }, { scopeClaim })).toEqual(['a'])
    await expect(
      createApi({ scopeClaim: (() => 'a') as never }).validator.validate(t0()),
    ).rejects.toThrow(new TypeError('scopeClaim must return an array of strings'))
  })

  it('9068-2.2.3.1 groups, roles and entitlements reach the application unchanged', async () => {
    const claims = {
      groups: ['g', { value: 'x' }],
      roles: ['r'],
      entitlements: [{ value: 'e' }, 1],
    }
    expect((await api.accepts(t0(claims))).claims).toMatchObject(claims)
  })
})

describe('section 4, context', () => {
  it('9068-4-ctx a check runs for a token that passed every other check, and for no other', async () => {
    const seen: unknown[] = []
    const check = (token: { subject?: string }) => seen.push(token.subject) > 0
    const requirement = { scopes: 'read:a', check }
    const tokens = [
      t0({ exp: 1 }),
      t0({ aud: 'x' }),
      t0({ scope: 'x' }),
      `${t0().slice(0, -4)}AAAA`,
    ]
    for (const token of tokens) {
      await expect(api.validator.validate(token, requirement)).rejects.toMatchObject({
        expose: true,
      })
    }
    expect(seen).toEqual([])
    await api.accepts(t0(), requirement)
    expect(seen).toEqual(['user-1'])
  })

  it.each([
    ['false', () => false],
    ['false, later', async () => false],
    ['nothing', () => undefined],
    ['something else than true', () => 1],
  ])('9068-4-ctx a check that returns %s leads to 403', async (_, check) => {
    await api.forbids(t0(), { scopes: 'read:a', check: check as never }, 'read:a')
  })

  it('9068-4-ctx what a check throws or rejects with is the cause of an Error', async () => {
    const failure = new Error('the database is down')
    const rejecting = () => Promise.reject(failure)
    const throwing = () => {
      throw failure
    }
    const wrapped = { message: 'The callback check failed', cause: failure }
    for (const check of [rejecting, throwing]) {
      await expect(api.validator.validate(t0(), { check })).rejects.toMatchObject(wrapped)
      const token = await api.accepts(t0())
      await expect(api.validator.authorize(token, { check })).rejects.toMatchObject(wrapped)
    }
  })

  it('9068-4-ctx the option requirement applies to every token, before the requirement of the call', async () => {
    const own = createApi({ requirement: { scopes: 'read:a' } })
    await own.accepts(t0(), { scopes: 'read:a' })
    await own.forbids(t0({ scope: 'write:a' }), { scopes: 'write:a' }, 'read:a write:a')
  })
})

describe('the access token of the application', () => {
  it('9068-out-a the access token has every member, and is deeply frozen', async () => {
    const nested = { list: [{ deep: true }] }
    const text = t0({ nested }, {}, ec1)
    const token = await api.accepts(text)
    const { claims } = token
    expect(token).toEqual({
      issuer: ISS,
      subject: 'user-1',
      clientId: 'client-1',
      audience: [AUD],
      scopes: ['read:a'],
      expiresAt: claims.exp,
      scheme: 'Bearer',
      proofs: [],
      claims: claimsT0({ nested, iat: claims.iat, exp: claims.exp, jti: claims.jti }),
      header: { alg: 'ES256', typ: 'at+jwt', kid: 'ec1' },
    })
    expect(token.token).toBe(text)
    const { list } = claims.nested as typeof nested
    for (const part of [token, claims, nested && claims.nested, list, list[0], token.header]) {
      expect(part).toSatisfy(Object.isFrozen)
    }
    expect(token.audience).toSatisfy(Object.isFrozen)
    expect(token.scopes).toSatisfy(Object.isFrozen)
    expect(token.proofs).toSatisfy(Object.isFrozen)
  })

  it('9068-out-a the raw token is not enumerable, so that it is not logged', async () => {
    const token = await api.accepts(good)
    expect(Object.keys(token)).not.toContain('token')
    expect(JSON.stringify(token)).not.toContain(partsOf(good)[1].slice(0, 12))
  })

  it('9068-out-a a claim named __proto__ changes no prototype', async () => {
    const payload = JSON.stringify(claimsT0()).replace('{', '{"__proto__":{"admin":true},')
    const { claims } = await api.accepts(
      signParts('{"alg":"RS256","typ":"at+jwt","kid":"rsa1"}', payload),
    )
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype)
    expect(claims.admin).toBeUndefined()
    expect(Object.hasOwn(claims, '__proto__')).toBe(true)
  })

  it.each([
    [{ client_id: 'a', azp: 'b', cid: 'c' }, 'a'],
    [{ client_id: undefined, azp: 'b', cid: 'c' }, 'b'],
    [{ client_id: undefined, azp: 1, cid: 'c' }, 'c'],
    [{ client_id: undefined }, undefined],
  ])('9068-out-a the client of %j is %j', async (claims, clientId) => {
    expect((await relaxed.accepts(t0(claims))).clientId).toBe(clientId)
  })

  it('9068-out-a members for claims that the token lacks are absent', async () => {
    const anyAudience = createApi({ profile: 'jwt', audience: false })
    const token = await anyAudience.accepts(
      t0({ sub: undefined, client_id: undefined, aud: undefined, scope: undefined }),
    )
    expect(token).toMatchObject({ audience: [], scopes: [] })
    expect(token).not.toHaveProperty('subject')
    expect(token).not.toHaveProperty('clientId')
    for (const list of [token.audience, token.scopes]) expect(list).toSatisfy(Object.isFrozen)
  })

  it('9068-out-a inherited properties are not claims, and are not read', async () => {
    const validator = fixtureValidator({ profile: 'jwt', audience: false })
    const lacking = t0({ sub: undefined, client_id: undefined, aud: undefined, scope: undefined })
    const names = ['sub', 'aud', 'client_id', 'azp', 'cid', 'scope', 'other']
    let asked = 0
    const get = () => `added ${asked++}`
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, { get, enumerable: true, configurable: true })
    }
    let token: AccessToken
    const before = asked
    try {
      token = await validator.validate(lacking)
    } finally {
      for (const name of names) Reflect.deleteProperty(Object.prototype, name)
    }
    expect(asked).toBe(before)
    expect(token).toMatchObject({ audience: [], scopes: [] })
    expect([token.subject, token.clientId]).toEqual([undefined, undefined])
  })
})
