import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { certificateOf } from '../support/certificate.ts'
import {
  base64url,
  claimsT0,
  ec1,
  makeKey,
  ps1,
  rsa1,
  type TestKey,
  t0,
} from '../support/fixture.ts'
import {
  json,
  jump,
  outcomeOf,
  outcomeWith,
  simulateIssuer,
  stopTime,
} from '../support/simulated-issuer.ts'

const rsa = rsa1.jwk
/** A token with another algorithm, signed with that algorithm by the same private key. */
const tokenOf = (key: TestKey, alg: string, header = {}) => t0({}, header, { ...key, alg })
const unused = (reason: string) => ({ outcome: 'T401 unknown_key', skipped: [reason] })
const used = { outcome: 'OK', skipped: [] }
const privateJwk = {
  ...rsa,
  ...rsa1.privateKey.export({ format: 'jwk' }),
  kid: 'rsa1',
  alg: 'RS256',
}

describe('RFC 7517 §5: the set', () => {
  it('7517-5-a keys of unknown types, without members or with malformed values, and other values are ignored', async () => {
    const unusableKeys = [
      { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA', kid: 'rsa1' },
      { kty: 'XYZ', kid: 'rsa1' },
      { kty: 'RSA', kid: 'rsa1' },
      { kty: 'EC', crv: 'P-256', x: 'AA', kid: 'rsa1' },
      null,
      'x',
      1,
      [],
    ]
    const result = await outcomeWith([...unusableKeys, rsa], t0())
    expect(result).toEqual({
      outcome: 'OK',
      skipped: [
        ...['type', 'type', 'malformed', 'malformed'],
        ...['not_an_object', 'not_an_object', 'not_an_object', 'not_an_object'],
      ],
    })
  })

  it('7517-5-a a JWK that nests deeper than the call stack does not affect other keys', async () => {
    const { validate } = (() => {
      const issuer = simulateIssuer()
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
      issuer.jwks = () =>
        new Response(`{"keys":[{"kty":"RSA","n":${deep}},${JSON.stringify(rsa)}]}`)
      return issuer.validator()
    })()
    expect(await outcomeOf(validate(t0()))).toBe('OK')
  })

  it('7517-5-b unknown members are ignored, in the set and in its keys', async () => {
    const issuer = simulateIssuer()
    issuer.jwks = () =>
      json({
        keys: [{ ...rsa, ext: true, nbf: 1, revoked: {}, constructor: 1 }],
        version: 2,
        n: 'A',
      })
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('OK')
  })

  describe('7517-5-c keys is an array', () => {
    const bodies = [
      '{}',
      '{"keys":{}}',
      '{"keys":null}',
      '{"keys":"x"}',
      '[]',
      '"x"',
      'no JSON',
      '<html>',
    ]

    it.each(bodies)('7517-5-c %s without earlier keys: 503', async (body) => {
      const issuer = simulateIssuer()
      issuer.jwks = () => new Response(body)
      expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('X503')
    })

    it.each(bodies)('7517-5-c %s with earlier keys: they stay in use', async (body) => {
      stopTime()
      const issuer = simulateIssuer()
      const { validate } = issuer.validator()
      await validate(t0())
      issuer.jwks = () => new Response(body)
      jump(700)
      expect(await outcomeOf(validate(t0()))).toBe('OK')
      expect(issuer.eventsOf('keys.failed')).toHaveLength(1)
    })
  })

  it('7517-5-d an empty set counts as an outage: 503 without other keys, not 401', async () => {
    const issuer = simulateIssuer([])
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('X503')
  })

  it('7517-5-d an empty set counts as an outage: it removes no key', async () => {
    stopTime()
    const issuer = simulateIssuer()
    const { validate } = issuer.validator()
    await validate(t0())
    issuer.keys = []
    jump(700)
    expect(await outcomeOf(validate(t0()))).toBe('OK')
  })

  it('7517-5-e the last of two members with the same name is used', async () => {
    const key = (first: unknown, last: unknown) => {
      const text = JSON.stringify({ ...rsa, n: undefined }).slice(0, -1)
      return `{"keys":[${text},"n":${JSON.stringify(first)},"n":${JSON.stringify(last)}}]}`
    }
    const issuer = simulateIssuer()
    issuer.jwks = () => new Response(key(ps1.jwk.n, rsa.n))
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('OK')
    issuer.jwks = () => new Response(key(rsa.n, ps1.jwk.n))
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('T401 bad_signature')
  })
})

describe('RFC 7517 §4.2 and §4.3: what a key is for', () => {
  it.each(['enc', 'foo', '', 'SIG', 1, null])(
    '7517-4.2-a use %j: the key verifies nothing',
    async (use) => {
      expect(await outcomeWith([{ ...rsa, use }], t0())).toEqual(unused('use'))
    },
  )

  it.each(['sig', undefined])('7517-4.2-a use %j: the key verifies', async (use) => {
    expect(await outcomeWith([{ ...rsa, use }], t0())).toEqual(used)
  })

  it('7517-4.2-a of two keys with the same kid only the one for signatures verifies', async () => {
    const encryption = { ...ps1.jwk, kid: 'rsa1', alg: undefined, use: 'enc' }
    expect((await outcomeWith([encryption, rsa], t0())).outcome).toBe('OK')
    const foreign = t0({}, { kid: 'rsa1' }, { ...ps1, alg: 'RS256' })
    expect((await outcomeWith([encryption, rsa], foreign)).outcome).toBe('T401 bad_signature')
  })

  it.each([['verify'], ['verify', 'sign']])(
    '7517-4.3-a key_ops %j, …: the key verifies',
    async (...key_ops) => {
      expect(await outcomeWith([{ ...rsa, key_ops }], t0())).toEqual(used)
    },
  )

  it.each([
    [['encrypt']],
    [['sign']],
    [[]],
    ['verify'],
    [['verify', 'verify']],
    [['VERIFY']],
    [null],
    [{}],
  ])('7517-4.3-a key_ops %j: the key verifies nothing', async (key_ops) => {
    expect(await outcomeWith([{ ...rsa, key_ops }], t0())).toEqual(unused('key_ops'))
  })

  it('7517-4.3-b use and key_ops that contradict each other: the key verifies nothing', async () => {
    const signing = { ...rsa, use: 'sig', key_ops: ['encrypt'] }
    expect(await outcomeWith([signing], t0())).toEqual(unused('key_ops'))
    const encrypting = { ...rsa, use: 'enc', key_ops: ['verify'] }
    expect(await outcomeWith([encrypting], t0())).toEqual(unused('use'))
  })
})

describe('RFC 7517 §4.4: alg', () => {
  const family = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

  it.each(family.slice(1))(
    '7517-4.4-a a key for RS256 verifies no %s, even with a correct signature',
    async (alg) => {
      const token = tokenOf(rsa1, alg)
      expect((await outcomeWith([rsa], token)).outcome).toBe('T401 unknown_key')
      // With a key without alg the same token is valid.
      expect(await outcomeWith([{ ...rsa, alg: undefined }], token)).toEqual(used)
    },
  )

  it('7517-4.4-a a token without kid is not verified with a key of another algorithm either', async () => {
    const token = tokenOf(rsa1, 'PS256', { kid: undefined })
    expect((await outcomeWith([rsa], token)).outcome).toMatch(/^T401 /)
  })

  it.each(family)('7517-4.4-b a key without alg verifies %s where that is allowed', async (alg) => {
    const key = { ...rsa, alg: undefined }
    const token = tokenOf(rsa1, alg)
    expect((await outcomeWith([key], token, { algorithms: [alg as 'RS256'] })).outcome).toBe('OK')
    const others = family.filter((other) => other !== alg) as 'RS256'[]
    expect((await outcomeWith([key], token, { algorithms: others })).outcome).toBe(
      'T401 wrong_algorithm',
    )
  })

  it.each(['RSA-OAEP', 'ES521', 'ES256', 'HS256', 'none', 'rs256', 1, null])(
    '7517-4.4-c a key for %j verifies nothing',
    async (alg) => {
      expect(await outcomeWith([{ ...rsa, alg }], t0())).toEqual(unused('alg'))
    },
  )
})

describe('RFC 7517 §4.5: kid', () => {
  it('7517-4.5-a the same kid on keys of two types: each token is verified with the key of its type', async () => {
    const keys = [rsa, ec1.jwk].map((jwk) => ({ ...jwk, kid: 'k' }))
    for (const key of [rsa1, ec1]) {
      expect(await outcomeWith(keys, t0({}, { kid: 'k' }, key))).toEqual(used)
      expect(await outcomeWith([...keys].reverse(), t0({}, { kid: 'k' }, key))).toEqual(used)
    }
  })

  const others = Array.from({ length: 10 }, () => ({ ...makeKey('ES256', 'ec1').jwk }))

  it('7517-4.5-b the same kid on keys of one type: each is tried, up to ten', async () => {
    expect((await outcomeWith([...others.slice(0, 1), ec1.jwk], t0({}, {}, ec1))).outcome).toBe(
      'OK',
    )
    expect((await outcomeWith([...others.slice(0, 9), ec1.jwk], t0({}, {}, ec1))).outcome).toBe(
      'OK',
    )
    const eleventh = await outcomeWith([...others, ec1.jwk], t0({}, {}, ec1))
    expect(eleventh.outcome).toBe('T401 bad_signature')
  })

  it('7517-4.5-b without a kid every key of the type is tried, up to ten', async () => {
    const token = t0({}, { kid: undefined }, ec1)
    expect((await outcomeWith([...others.slice(0, 9), ec1.jwk], token)).outcome).toBe('OK')
    expect((await outcomeWith([...others, ec1.jwk], token)).outcome).toBe('T401 bad_signature')
  })

  it.each([
    ['the kid of no key', rsa, 'other'],
    ['a kid where the key has none', { ...rsa, kid: undefined }, 'rsa1'],
    ['a kid in another case', rsa, 'RSA1'],
    ['the empty kid', rsa, ''],
    ['a kid that is a name of every object', rsa, '__proto__'],
  ])('a token with %s is refused', async (_what, jwk, kid) => {
    expect((await outcomeWith([jwk], t0({}, { kid }))).outcome).toBe('T401 unknown_key')
  })

  it('the empty kid is a kid like any other, after any other lookup', async () => {
    const { validate } = simulateIssuer([{ ...rsa, alg: undefined, kid: '' }, rsa]).validator()
    const outcomes = [undefined, '', 'rsa1', undefined].map((kid) =>
      outcomeOf(validate(t0({}, { kid }))),
    )
    expect(await Promise.all(outcomes)).toEqual(['OK', 'OK', 'OK', 'OK'])
  })

  it.each([1, null, ['rsa1']])('a key whose kid is %j is ignored', async (kid) => {
    expect(await outcomeWith([{ ...rsa, kid }], t0({}, { kid: undefined }))).toMatchObject({
      skipped: ['kid'],
    })
  })
})

describe('RFC 7517 §9: keys that must not be there', () => {
  it('7517-priv a key whose private key is published is ignored, with an event', async () => {
    const issuer = simulateIssuer([privateJwk, ec1.jwk])
    const { validate } = issuer.validator()
    expect(await outcomeOf(validate(t0()))).toBe('T401 unknown_key')
    expect(await outcomeOf(validate(t0({}, {}, ec1)))).toBe('OK')
    expect(issuer.eventsOf('keys.skipped')[0]).toMatchObject({ kid: 'rsa1', reason: 'private' })
    expect(JSON.stringify(issuer.events)).not.toContain(privateJwk.d)
  })

  it('7517-priv a usable key is removed when its private key is published', async () => {
    stopTime()
    const issuer = simulateIssuer([rsa, ec1.jwk])
    const { validate } = issuer.validator()
    const token = t0({ exp: Math.floor(Date.now() / 1000) + 10_000 })
    expect(await outcomeOf(validate(token))).toBe('OK')
    issuer.keys = [privateJwk, ec1.jwk]
    jump(700)
    expect(await outcomeOf(validate(token))).toBe('T401 unknown_key')
  })

  it('7517-oct a symmetric key of the set verifies nothing', async () => {
    const secret = Buffer.alloc(32, 7)
    const k = secret.toString('base64url')
    const header = base64url('{"alg":"HS256","typ":"at+jwt","kid":"h"}')
    const input = `${header}.${base64url(JSON.stringify(claimsT0()))}`
    const hmac = createHmac('sha256', secret).update(input).digest('base64url')
    const oct = { kty: 'oct', kid: 'h', alg: 'HS256', use: 'sig', k }
    expect((await outcomeWith([oct], `${input}.${hmac}`)).outcome).toBe('T401 wrong_algorithm')
    expect(await outcomeWith([oct], t0({}, { kid: 'h' }))).toEqual(unused('type'))
  })
})

const certificate = await certificateOf(rsa1)

describe('RFC 7517 §4.7: certificates', () => {
  const x5c = [certificate.toString('base64')]

  it('7517-x5c-a a certificate does not replace n and e', async () => {
    expect(await outcomeWith([{ kty: 'RSA', kid: 'rsa1', x5c }], t0())).toEqual(unused('malformed'))
  })

  it('7517-x5c-b a certificate of another key is ignored: n and e are used', async () => {
    const other = { ...ps1.jwk, alg: 'RS256', kid: 'rsa1', x5c }
    expect((await outcomeWith([other], t0())).outcome).toBe('T401 bad_signature')
    const own = t0({}, { kid: 'rsa1' }, { ...ps1, alg: 'RS256' })
    expect((await outcomeWith([other], own)).outcome).toBe('OK')
  })
})
