import { X509Certificate } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { InvalidRequestError, type InvalidTokenReason } from 'oauth-resource-server'
import { afterEach, describe, expect, it } from 'vitest'
import { certificateOf } from '../support/certificate.ts'
import {
  createApi,
  fastestOf,
  JWKS_URI,
  partsOf,
  remoteIssuer,
  signSegments,
} from '../support/checked-validator.ts'
import {
  base64url,
  claimsT0,
  ec1,
  fixtureValidator,
  ISS,
  jwks,
  makeKey,
  rsa1,
  signParts,
  type TestKey,
  t0,
} from '../support/fixture.ts'

const api = createApi()
const good = t0()
const headerText = '{"alg":"RS256","typ":"at+jwt","kid":"rsa1"}'
const payloadText = JSON.stringify(claimsT0())
const attacker = makeKey('RS256', 'rsa1')

/** An API that has not fetched its keys, and may fetch nothing else. */
const coldApi = () => createApi({ issuer: remoteIssuer }, { [JWKS_URI]: jwks })

afterEach(async () => {
  await api.accepts(good)
})

describe('section 5.2 and 7.1, the compact form', () => {
  const [h, p, s] = partsOf(good)

  it.each([
    'a',
    'a.b',
    'a.b.c.d',
    'a.b.c.d.e.f',
    '..',
    '.a.b',
    'a..b',
    'a.b.',
    '',
    '.',
    '...',
    '.....',
  ])('7515-5.2-1a %j is refused', async (token) => {
    await api.refuses(token, 'malformed')
  })

  it.each<[string, string, InvalidTokenReason]>([
    ['two parts', `${h}.${p}`, 'malformed'],
    ['four parts', `${good}.${s}`, 'malformed'],
    ['a dot at the end', `${good}.`, 'malformed'],
    ['a dot at the start', `.${good}`, 'malformed'],
    ['six parts', `${good}.${good}`, 'malformed'],
    ['no header', `.${p}.${s}`, 'malformed'],
    ['no payload', `${h}..${s}`, 'malformed'],
    ['no signature', `${h}.${p}.`, 'bad_signature'],
  ])('7515-5.2-1a a valid token with %s is refused', async (_, token, reason) => {
    await api.refuses(token, reason)
  })

  it.each([null, 1, {}, [good], new String(good)])(
    '7515-5.2-1a %o, which is not a string, is refused',
    async (token) => {
      await api.refuses(token as never, 'malformed')
    },
  )

  it('7515-5.2-1a an absent token is missing, not malformed', async () => {
    await expect(api.validator.validate(undefined as never)).rejects.toMatchObject({
      code: 'missing_token',
      status: 401,
    })
  })

  const flattened = JSON.stringify({ protected: h, payload: p, signature: s })
  const general = JSON.stringify({ payload: p, signatures: [{ protected: h, signature: s }] })

  it.each([
    ['flattened', flattened],
    ['general', general],
  ])('7515-5.2-1b the %s JSON serialization is refused', async (_, json) => {
    await expect(
      api.validator.authenticate({ headers: { authorization: `Bearer ${json}` } }),
    ).rejects.toBeInstanceOf(InvalidRequestError)
    await api.refuses(json, 'malformed')
    await api.refuses(base64url(json), 'malformed')
    await api.refuses(`${base64url(json)}.${p}.${s}`, 'wrong_algorithm')
  })
})

describe('section 5.2, base64url', () => {
  // Each segment contains both characters in which base64url differs from base64.
  const odd = { x: '>>>>>>??????' }
  const oddKey = makeKey('ES256', 'ec1')
  const lenient = createApi({ issuer: { issuer: ISS, jwks: { keys: [oddKey.jwk] } } })
  const header = base64url(JSON.stringify({ ...odd, alg: 'ES256', typ: 'at+jwt', kid: 'ec1' }))
  const payload = base64url(JSON.stringify(claimsT0(odd)))
  const token = (() => {
    for (;;) {
      const candidate = signSegments(header, payload, oddKey)
      if (/-.*_|_.*-/.test(partsOf(candidate)[2])) return candidate
    }
  })()

  const changes: [string, (segment: string) => string][] = [
    ['= after it', (segment) => `${segment}=`],
    ['== after it', (segment) => `${segment}==`],
    ['- written +', (segment) => segment.replace('-', '+')],
    ['_ written /', (segment) => segment.replace('_', '/')],
    ['a space in it', (segment) => `${segment.slice(0, 4)} ${segment.slice(4)}`],
    ['a space before it', (segment) => ` ${segment}`],
    ['a tab after it', (segment) => `${segment}\t`],
    ['a line feed after it', (segment) => `${segment}\n`],
    ['a carriage return in it', (segment) => `${segment.slice(0, 4)}\r${segment.slice(4)}`],
    ['a ~ in it', (segment) => `${segment.slice(0, 4)}~${segment.slice(4)}`],
    ['a NUL after it', (segment) => `${segment}\0`],
    ['an é in it', (segment) => `${segment.slice(0, 4)}é${segment.slice(4)}`],
    // Their low eight bits are 'A' and 'a'.
    ['a Ł in it', (segment) => `${segment.slice(0, 4)}Ł${segment.slice(4)}`],
    ['a ✡ for its first character', (segment) => `✡${segment.slice(1)}`],
  ]

  it('7515-5.2-2 the unchanged token is accepted', async () => {
    await lenient.accepts(token)
  })

  // The signature is over the changed segments, so that it is not the reason for the refusal.
  it.each(changes)('7515-5.2-2 a segment with %s is refused', async (_, change) => {
    const [h, p, s] = partsOf(token)
    for (const segment of [h, p, s]) expect(change(segment)).not.toBe(segment)
    await lenient.refuses(signSegments(change(h), p, oddKey), 'malformed')
    await lenient.refuses(signSegments(h, change(p), oddKey), 'malformed')
    await lenient.refuses(`${h}.${p}.${change(s)}`, 'malformed')
  })

  it('7515-5.2-2 a character whose low octet is valid is refused at every position', async () => {
    // Buffer looks at the low octet only, both in base64url and in latin1, so nothing else differs.
    for (const at of [...good].keys()) {
      if (good[at] === '.') continue
      const spelling = String.fromCharCode(good.charCodeAt(at) + 0x100)
      await api.refuses(good.slice(0, at) + spelling + good.slice(at + 1), 'malformed')
    }
  })

  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

  /** Every other text that a lenient decoder takes for the same bytes. */
  function otherSpellings(segment: string): string[] {
    const unused = segment.length % 4 === 2 ? 4 : segment.length % 4 === 3 ? 2 : 0
    const last = alphabet.indexOf(segment.at(-1) as string)
    const all = Array.from({ length: 2 ** unused - 1 }, (_, bits) => alphabet[last + bits + 1])
    return all.map((character) => segment.slice(0, -1) + character)
  }

  it('7515-5.2-2b unused bits that are not zero are refused in the signature', async () => {
    const [h, p, s] = partsOf(good)
    expect(otherSpellings(s)).toHaveLength(15)
    for (const spelling of otherSpellings(s)) {
      expect(Buffer.from(spelling, 'base64url')).toEqual(Buffer.from(s, 'base64url'))
      await api.refuses(`${h}.${p}.${spelling}`, 'malformed')
    }
  })

  it('7515-5.2-2b unused bits that are not zero are refused in header and payload', async () => {
    const padded = (text: string) => [text, text.replace('{', '{ '), text.replace('{', '{  ')]
    const shared = base64url(payloadText)
    const headers = padded(headerText).map(base64url).flatMap(otherSpellings)
    const payloads = padded(payloadText).map(base64url).flatMap(otherSpellings)
    expect([headers.length, payloads.length]).toEqual([18, 18])
    for (const spelling of headers) await api.refuses(signSegments(spelling, shared), 'malformed')
    for (const spelling of payloads) {
      await api.refuses(signSegments(base64url(headerText), spelling), 'malformed')
    }
  })

  it('7515-5.2-2c a segment of an impossible length is refused', async () => {
    const [h, p, s] = partsOf(good)
    await api.refuses(`eyJhb.${p}.${s}`, 'malformed')
    const impossible = (segment: string) => `${segment}AAAA`.slice(0, (segment.length & ~3) + 5)
    for (const segment of [h, p, s]) expect(impossible(segment).length % 4).toBe(1)
    await api.refuses(signSegments(impossible(h), p), 'malformed')
    await api.refuses(signSegments(h, impossible(p)), 'malformed')
    await api.refuses(`${h}.${p}.${impossible(s)}`, 'malformed')
  })
})

describe('section 5.2, the header', () => {
  const inUtf16 = Buffer.from(headerText, 'utf16le')

  it.each<[string, string | Buffer]>([
    ['an array', '[]'],
    ['a header in an array', `[${headerText}]`],
    ['a string', '"x"'],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
    ['empty', ''],
    ['a lone brace', '{'],
    ['followed by something', '{"alg":"RS256"}x'],
    ['followed by another header', `${headerText}${headerText}`],
    ['preceded by a byte order mark', `\ufeff${headerText}`],
    [
      'not UTF-8',
      Buffer.concat([Buffer.from('{"alg":"RS256","x":"'), Buffer.of(0xff), Buffer.from('"}')]),
    ],
    [
      'overlong UTF-8',
      Buffer.concat([
        Buffer.from('{"alg":"RS256","x":"'),
        Buffer.of(0xc0, 0xaf),
        Buffer.from('"}'),
      ]),
    ],
    [
      'a surrogate in UTF-8',
      Buffer.concat([
        Buffer.from('{"alg":"RS256","x":"'),
        Buffer.of(0xed, 0xa0, 0x80),
        Buffer.from('"}'),
      ]),
    ],
    ['UTF-16LE', inUtf16],
    ['UTF-16BE', Buffer.from(inUtf16).swap16()],
  ])('7515-5.2-3a a header that is %s is refused', async (_, header) => {
    await api.refuses(signParts(header, payloadText), 'malformed')
  })

  const notJson: [string, (text: string) => string][] = [
    ['a comma at the end', (text) => text.replace(/}$/, ',}')],
    ['a comment', (text) => text.replace('{', '{/* */')],
    ['a line comment', (text) => `${text}//`],
    ['single quotes', (text) => text.replaceAll('"', "'")],
    ['a name without quotes', (text) => text.replace('{', '{x:1,')],
    ['NaN', (text) => text.replace('{', '{"x":NaN,')],
    ['Infinity', (text) => text.replace('{', '{"x":Infinity,')],
    ['a number in hexadecimal', (text) => text.replace('{', '{"x":0x1,')],
    ['a number with a zero before it', (text) => text.replace('{', '{"x":01,')],
    ['a control character in a string', (text) => text.replace('{', '{"x":"\n",')],
    ['an escape that JSON lacks', (text) => text.replace('{', '{"x":"\\x41",')],
    ['undefined', (text) => text.replace('{', '{"x":undefined,')],
    ['a NUL at the end', (text) => `${text}\0`],
    ['no brace at the end', (text) => text.slice(0, -1)],
  ]

  it.each(notJson)(
    '7515-5.2-3b JSON with %s is refused in header and payload',
    async (_, change) => {
      await api.refuses(signParts(change(headerText), payloadText), 'malformed')
      await api.refuses(signParts(headerText, change(payloadText)), 'malformed')
    },
  )

  it.each<[string, InvalidTokenReason | undefined]>([
    ['{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"rsa1"}', undefined],
    ['{"alg":"RS256","alg":"none","typ":"at+jwt","kid":"rsa1"}', 'wrong_algorithm'],
    ['{"alg":"RS256","typ":"at+jwt","typ":"dpop+jwt","kid":"rsa1"}', 'wrong_type'],
    ['{"alg":"RS256","typ":"at+jwt","kid":"rsa1","kid":"ec1"}', 'unknown_key'],
    ['{"alg":"RS256","typ":"at+jwt","kid":"rsa1","\\u0061lg":"HS256"}', 'wrong_algorithm'],
  ])(
    '7515-4-dup the last of two members with the same name is used: %s',
    async (header, reason) => {
      const token = signParts(header, payloadText)
      if (reason === undefined) await api.accepts(token)
      else await api.refuses(token, reason)
    },
  )

  it.each([{ foo: {}, 'x-y': 1 }, { zip: 'x' }, { epk: {}, enc: 1 }, { nonce: null, url: [] }])(
    '7515-4-unk unknown parameters such as %j are ignored',
    async (parameters) => {
      const { header } = await api.accepts(t0({}, parameters))
      expect(header).toMatchObject(parameters)
    },
  )
})

describe('section 4.1.11, crit', () => {
  it.each([
    { crit: ['exp'], exp: 1 },
    { crit: ['x'], x: 1 },
    { crit: ['http://example.com/UNDEFINED'], 'http://example.com/UNDEFINED': true },
  ])('7515-4.1.11-a an extension that is not understood is refused: %j', async (parameters) => {
    await api.refuses(t0({}, parameters), 'critical_header')
  })

  it.each([
    [[]],
    ['exp'],
    [null],
    [{}],
    [[1]],
    [['alg']],
    [['missing']],
    [['x', 'x']],
    [false],
    [0],
    [''],
  ])('7515-4.1.11-b crit %j is refused', async (crit) => {
    await api.refuses(t0({}, { crit, x: 1 }), 'critical_header')
  })

  it.each([
    { crit: ['b64'], b64: false },
    { crit: ['b64'], b64: true },
    { b64: false },
    { b64: null },
    { b64: 'false' },
    { b64: 0 },
  ])('7797-7 an access token is base64url: %j is refused', async (parameters) => {
    await api.refuses(t0({}, parameters), 'critical_header')
  })

  it('7797-7 a token with its payload as it is, correctly signed, is refused', async () => {
    const header = '{"alg":"RS256","typ":"at+jwt","kid":"rsa1","crit":["b64"],"b64":false}'
    // The dots of its URLs make it five parts.
    await api.refuses(signSegments(base64url(header), payloadText), 'encrypted')
    await api.refuses(signSegments(base64url(header), base64url(payloadText)), 'critical_header')
  })
})

describe('section 4.1.1, alg', () => {
  it.each([
    [undefined],
    ['rs256'],
    ['RS256 '],
    [' RS256'],
    [null],
    [1],
    [['RS256']],
    [{}],
    [''],
    ['RS257'],
    ['RS256\0'],
  ])('7515-4.1.1-a alg %j is refused', async (alg) => {
    await api.refuses(t0({}, { alg }), 'wrong_algorithm')
  })

  it.each([
    'constructor',
    '__proto__',
    'toString',
    'ES256K',
    'HS256',
    'RS1',
    'ES521',
    'Ed448',
    'A256KW',
    'dir',
  ])('7515-4.1.1-a alg %j is not a supported algorithm', async (alg) => {
    await api.refuses(t0({}, { alg }), 'wrong_algorithm')
  })
})

const attackerCertificate = await certificateOf(attacker)

describe('section 4.1, keys in the header of a token', () => {
  const evil = 'https://evil.test/jwks'
  const x5c = [attackerCertificate.toString('base64')]

  const offers: [string, string, Record<string, unknown>][] = [
    ['7515-4.1.2', 'jku', { jku: evil }],
    ['7515-4.1.2', 'jku of its own issuer', { jku: JWKS_URI }],
    ['7515-4.1.3', 'jwk', { jwk: { ...attacker.jwk, kid: undefined } }],
    ['7515-4.1.3', 'jwk with the kid of a real key', { jwk: attacker.jwk }],
    ['7515-4.1.5', 'x5u', { x5u: 'https://evil.test/cert.pem' }],
    ['7515-4.1.5', 'x5c', { x5c }],
    ['7515-4.1.5', 'x5t', { x5t: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA', 'x5t#S256': 'A'.repeat(43) }],
  ]

  it.each(offers)('%s the attacker’s key is not trusted through %s', async (_, __, parameters) => {
    const cold = coldApi()
    await cold.refuses(t0({}, parameters, attacker), 'bad_signature')
    await cold.refuses(t0({}, { ...parameters, kid: undefined }, attacker), 'bad_signature')
    await cold.refuses(t0({}, { ...parameters, kid: 'evil' }, attacker), 'unknown_key')
    expect(new Set(cold.requests)).toEqual(new Set([JWKS_URI]))
  })

  it.each(offers)('%s %s is ignored on a token that is good', async (_, __, parameters) => {
    const cold = coldApi()
    await cold.accepts(t0({}, parameters))
    expect(cold.requests).toEqual([JWKS_URI])
  })

  it('7515-4.1.5 the certificate of these tests contains the key of the attacker', () => {
    const certificate = new X509Certificate(attackerCertificate)
    expect(certificate.publicKey.export({ format: 'jwk' }).n).toBe(attacker.jwk.n)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })
})

describe('section 4.1.4, kid', () => {
  it.each(['RSA1', 'Rsa1', 'rsa1 ', ' rsa1', 'rsa', 'rsa11', 'rsa1\0'])(
    '7515-4.1.4-a kid %j is not rsa1',
    async (kid) => {
      await api.refuses(t0({}, { kid }), 'unknown_key')
    },
  )

  it('7515-4.1.4-a the key that kid names is the only one that is tried', async () => {
    await api.refuses(t0({}, { kid: 'ec1' }), 'unknown_key')
    await api.refuses(t0({}, { kid: 'rsa1' }, attacker), 'bad_signature')
  })

  it.each([[1], [null], [[]], [{}], [['rsa1']], [true], [0]])(
    '7515-4.1.4-b kid %j is not a string, and is refused',
    async (kid) => {
      const cold = coldApi()
      await cold.refuses(t0({}, { kid }), 'malformed')
      expect(cold.requests).toEqual([])
    },
  )

  const attacks = [
    '../../../dev/null',
    "x' UNION SELECT '1';--",
    '|sleep 10',
    '__proto__',
    'constructor',
    'toString',
    '',
    'x'.repeat(2_900),
    'https://evil.test/key',
    'rsa1\u0000',
    '\u202ersa1',
  ]

  it.each(attacks)('7515-4.1.4-c kid %j is looked up with one more fetch', async (kid) => {
    const cold = coldApi()
    await cold.refuses(t0({}, { kid }, attacker), 'unknown_key')
    await cold.refuses(t0({}, { kid }), 'unknown_key')
    await createApi().refuses(t0({}, { kid }), 'unknown_key')
  })

  it('7515-4.1.4-c a bad signature with the kid of a known key causes no further fetch', async () => {
    const cold = coldApi()
    for (let count = 0; count < 5; count++)
      await cold.refuses(t0({}, {}, attacker), 'bad_signature')
    expect(cold.requests).toEqual([JWKS_URI])
  })

  it('7515-4.1.4-c many concurrent made-up kids cause one further fetch', async () => {
    const { validator, requests } = coldApi()
    await validator.validate(t0())
    await Promise.all(
      attacks.map((kid) =>
        expect(validator.validate(t0({}, { kid }))).rejects.toMatchObject({
          reason: 'unknown_key',
        }),
      ),
    )
    expect(requests).toEqual([JWKS_URI, JWKS_URI])
  })

  it('7515-4.1.4-c sequential made-up kids cause at most four further fetches', async () => {
    const cold = coldApi()
    for (const kid of attacks) await cold.refuses(t0({}, { kid }), 'unknown_key')
    expect(cold.requests).toHaveLength(1 + 4)
  })

  it('7515-4.1.4-c a kid of 8 kB is refused before anything is fetched', async () => {
    const cold = coldApi()
    await cold.refuses(t0({}, { kid: 'x'.repeat(8_192) }), 'malformed')
    expect(cold.requests).toEqual([])
  })

  it('7515-4.1.4-c an empty kid is not the same as none, in either order', async () => {
    const nameless = { ...ec1, jwk: { ...ec1.jwk, kid: '' } }
    const own = createApi({ issuer: { issuer: ISS, jwks: { keys: [rsa1.jwk, nameless.jwk] } } })
    await own.accepts(t0({}, { kid: undefined }))
    await own.refuses(t0({}, { kid: '' }), 'unknown_key')
    await own.accepts(t0({}, { kid: '' }, nameless))
    await own.accepts(t0({}, { kid: undefined }))
  })

  const withoutAlg = ({ jwk: { alg: _, ...jwk } }: TestKey) => jwk
  const several = Array.from({ length: 12 }, (_, index) => makeKey('ES256', `k${index}`))

  it('7515-4.1.4-d without kid the one key that fits is used', async () => {
    const { header } = await api.accepts(t0({}, { kid: undefined }, ec1))
    expect(header).not.toHaveProperty('kid')
  })

  it('7515-4.1.4-d without kid every key that fits is tried, at most ten', async () => {
    const many = createApi({ issuer: { issuer: ISS, jwks: { keys: several.map(withoutAlg) } } })
    for (const key of several.slice(0, 10)) await many.accepts(t0({}, { kid: undefined }, key))
    for (const key of several.slice(10)) {
      await many.refuses(t0({}, { kid: undefined }, key), 'bad_signature')
      await many.accepts(t0({}, {}, key))
    }
  })

  it('7515-4.1.4-e a key without kid is not used for a token that has one', async () => {
    const { kid: _, ...jwk } = ec1.jwk
    const nameless = createApi({ issuer: { issuer: ISS, jwks: { keys: [jwk] } } })
    await nameless.refuses(t0({}, {}, ec1), 'unknown_key')
    await nameless.accepts(t0({}, { kid: undefined }, ec1))
  })
})

describe('parameters of other formats', () => {
  it('7515-zip a payload is never inflated', async () => {
    const header = '{"alg":"RS256","typ":"at+jwt","kid":"rsa1","zip":"DEF"}'
    await api.refuses(signParts(header, deflateRawSync(payloadText)), 'malformed')
    await api.accepts(signParts(header, payloadText))
  })

  it('7515-10.7 HS* and secrets are refused as options, so that no HMAC is compared', async () => {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      expect(() => fixtureValidator({ algorithms: [alg as never] })).toThrow(/^algorithms must be/)
      await api.refuses(t0({}, { alg }), 'wrong_algorithm')
    }
    const oct = { kty: 'oct', k: base64url(Buffer.alloc(32, 1)), kid: 'h', alg: 'HS256' }
    expect(() => fixtureValidator({ issuer: { issuer: ISS, jwks: { keys: [oct] } } })).toThrow(
      /has no usable key/,
    )
  })
})

describe('limits', () => {
  it('7515-size a token of 16,384 characters is accepted, a longer one is not', async () => {
    const withLength = (length: number) => {
      for (let size = Math.floor(length * 0.7) - 700; ; size++) {
        const token = t0({ jti: 'same', x: 'x'.repeat(size) }, {}, ec1)
        if (token.length >= length) return token
      }
    }
    const largest = withLength(16_380)
    expect(largest.length).toBeLessThanOrEqual(16_384)
    await api.accepts(largest)
    const { detail } = await api.refuses(withLength(16_385), 'malformed')
    expect(detail).toEqual({ hint: 'longer than 16384 characters' })
  })

  it('7515-size a token that is too long is refused before it is parsed', async () => {
    const { detail } = await api.refuses('.'.repeat(16_385), 'malformed')
    expect(detail.hint).toBe('longer than 16384 characters')
    const huge = `${good}${'A'.repeat(50_000_000)}`
    const fastest = await fastestOf(5, () => api.validator.validate(huge).catch(() => undefined))
    expect(fastest).toBeLessThan(5)
  })

  it('7515-size a header segment of more than 4,096 characters is refused', async () => {
    await api.accepts(t0({}, { x: 'x'.repeat(3_000) }))
    const { detail } = await api.refuses(t0({}, { x: 'x'.repeat(3_100) }), 'malformed')
    expect(detail.hint).toBe('header longer than 4096 characters')
  })

  it('7515-deep 5,000 nested arrays are accepted and frozen deeply', async () => {
    const depth = 5_000
    const payload = payloadText.replace('{', `{"deep":${'['.repeat(depth)}${']'.repeat(depth)},`)
    const { claims } = await api.accepts(signParts(headerText, payload))
    let frozen = 0
    for (let array = claims.deep; Array.isArray(array); array = array[0]) {
      if (Object.isFrozen(array)) frozen++
    }
    expect(frozen).toBe(depth)
  })

  it('7515-deep 5,000 nested objects are accepted, and nesting in a claim or parameter is refused', async () => {
    const objects = `${'{"a":'.repeat(1_900)}1${'}'.repeat(1_900)}`
    await api.accepts(signParts(headerText, payloadText.replace('{', `{"deep":${objects},`)))
    const arrays = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
    await api.refuses(
      signParts(headerText, payloadText.replace(/"sub":"[^"]+"/, `"sub":${arrays}`)),
      'invalid_claim',
    )
    await api.refuses(
      signParts(headerText, payloadText.replace(/"aud":"[^"]+"/, `"aud":${arrays}`)),
      'invalid_claim',
    )
    const fewer = `${'['.repeat(1_400)}${']'.repeat(1_400)}`
    await api.refuses(signParts(headerText.replace('"rsa1"', fewer), payloadText), 'malformed')
    await api.accepts(signParts(headerText.replace('{', `{"x":${fewer},`), payloadText))
  })

  it('7515-many the largest possible number of claims is accepted', async () => {
    // 2,000 claims do not fit into 16,384 characters; these are what does, with names of two letters.
    const names = Array.from({ length: 1_650 }, (_, index) => index.toString(36).padStart(2, '0'))
    const many = Object.fromEntries(names.map((name) => [name, 1]))
    const token = t0(many, {}, ec1)
    const { accepts } = createApi({ tokenCache: false })
    const { claims } = await accepts(token)
    expect(await fastestOf(5, () => accepts(token))).toBeLessThan(50)
    expect(Object.keys(claims).length).toBeGreaterThan(1_500)
    expect(claims).toSatisfy(Object.isFrozen)
  })

  it.each<[string, string, InvalidTokenReason]>([
    ['of the wrong issuer', t0({ iss: 'https://evil.test' }), 'wrong_issuer'],
    ['of the wrong type', t0({}, { typ: 'JWT' }), 'wrong_type'],
    ['that expired', t0({ exp: 1 }), 'expired'],
    ['that is not valid yet', t0({ nbf: 9e9 }), 'not_yet_valid'],
    ['for another audience', t0({ aud: 'x' }), 'wrong_audience'],
    ['with an algorithm that is not allowed', t0({}, { alg: 'HS256' }), 'wrong_algorithm'],
    ['that lacks a claim', t0({ jti: undefined }), 'missing_claim'],
    ['that is bound to a key', t0({ cnf: { jkt: 'x' } }), 'unsupported_binding'],
    ['with a critical extension', t0({}, { crit: ['x'], x: 1 }), 'critical_header'],
    ['that is malformed', `${good}=`, 'malformed'],
  ])('7515-order a token %s causes no fetch', async (_, token, reason) => {
    const cold = coldApi()
    await cold.refuses(token, reason)
    expect(cold.requests).toEqual([])
    await cold.accepts(t0())
    expect(cold.requests).toEqual([JWKS_URI])
  })
})

describe('the order of the checks', () => {
  it('7515-order a token with several defects is refused for the one that is cheapest to find', async () => {
    await api.refuses(t0({ exp: 1, aud: 'x' }, { typ: 'x' }, attacker), 'wrong_type')
    await api.refuses(t0({ exp: 1, aud: 'x' }, {}, attacker), 'expired')
    await api.refuses(t0({ aud: 'x' }, {}, attacker), 'wrong_audience')
    await api.refuses(t0({}, {}, attacker), 'bad_signature')
  })
})
