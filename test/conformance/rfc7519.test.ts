import fc from 'fast-check'
import type { InvalidTokenReason } from 'oauth-resource-server'
import { afterEach, describe, expect, it } from 'vitest'
import { createApi, signSegments } from '../support/checked-validator.ts'
import {
  AUD,
  base64url,
  claimsT0,
  ec1,
  ISS,
  makeKey,
  seconds,
  signParts,
  t0,
} from '../support/fixture.ts'

const api = createApi()
const good = t0()
const headerText = '{"alg":"RS256","typ":"at+jwt","kid":"rsa1"}'

/** A correctly signed token with this exact JSON as payload. */
const written = (payload: string | Buffer) => signParts(headerText, payload)

/** A valid payload in which a claim has this exact JSON as value. */
function payloadWith(name: string, value: string): string {
  return JSON.stringify(claimsT0({ [name]: undefined })).replace(/}$/, `,"${name}":${value}}`)
}

async function expectOutcome(token: string, reason: InvalidTokenReason | undefined): Promise<void> {
  if (reason === undefined) await api.accepts(token)
  else await api.refuses(token, reason)
}

afterEach(async () => {
  await api.accepts(good)
})

describe('section 7.2, the payload', () => {
  const payload = JSON.stringify(claimsT0())
  const around = (bytes: number[]) => {
    const [before, after] = payload.split('user-1') as [string, string]
    return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
  }

  it.each<[string, string | Buffer]>([
    ['an array', '[]'],
    ['claims in an array', `[${payload}]`],
    ['a string', '"x"'],
    ['claims in a string', JSON.stringify(payload)],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
    ['empty', ''],
    ['with the byte FF in a string', around([0xff])],
    ['with half a character in a string', around([0xc3])],
    ['with an overlong character in a string', around([0xc1, 0xa1])],
    ['with a surrogate in a string', around([0xed, 0xa0, 0x80])],
    ['with a byte order mark', `\ufeff${payload}`],
    ['followed by something', `${payload}x`],
  ])('7519-7.2-10 a payload that is %s is refused', async (_, bytes) => {
    await api.refuses(written(bytes), 'malformed')
  })

  it('7519-7.2-10 an escaped lone surrogate is accepted as a string', async () => {
    const { subject } = await api.accepts(written(payloadWith('sub', '"\\ud800"')))
    expect(subject).toBe('\ud800')
    const error = await api.refuses(written(payloadWith('aud', '"\\ud800"')), 'wrong_audience')
    expect(error.detail.actual).toBe('?')
  })

  it('7519-7.2-10 white space around the payload is accepted as JSON', async () => {
    await api.accepts(written(`\n\t ${payload}\r\n`))
  })
})

describe('section 4, claims', () => {
  const past = 1
  const future = seconds() + 300

  it.each<[string, string, string, InvalidTokenReason | undefined]>([
    ['exp', `${future}`, `${past}`, 'expired'],
    ['exp', `${past}`, `${future}`, undefined],
    ['aud', `"${AUD}"`, '"x"', 'wrong_audience'],
    ['aud', '"x"', `"${AUD}"`, undefined],
    ['iss', `"${ISS}"`, '"https://evil.test"', 'wrong_issuer'],
    ['iss', '"https://evil.test"', `"${ISS}"`, undefined],
    ['sub', '"user-1"', '1', 'invalid_claim'],
    ['nbf', '0', '9e9', 'not_yet_valid'],
  ])(
    '7519-4-dup the last of two claims %s, %s and %s is used',
    async (name, first, last, reason) => {
      await expectOutcome(written(payloadWith(name, `${first},"${name}":${last}`)), reason)
    },
  )

  it('7519-4-dup a name with escapes is the same name', async () => {
    await api.refuses(written(payloadWith('exp', `${future},"e\\u0078p":1`)), 'expired')
  })

  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf']

  it.each(names)('7519-4-proto %s is a claim and a parameter like any other', async (name) => {
    const value = '{"scope":"read:a write:a","alg":"none","polluted":1}'
    const header = headerText.replace('{', `{"${name}":${value},`)
    const token = signParts(header, payloadWith(name, value))
    const accepted = await api.accepts(token)
    for (const part of [accepted.claims, accepted.header]) {
      expect(Object.getPrototypeOf(part)).toBe(Object.prototype)
      expect(Object.getOwnPropertyDescriptor(part, name)?.value).toEqual(JSON.parse(value))
      expect(Object.isFrozen(Object.getOwnPropertyDescriptor(part, name)?.value)).toBe(true)
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    await api.forbids(token, { scopes: 'write:a' }, 'write:a')
  })

  it.each(['scope', 'exp', 'iss', 'aud', 'jti'])(
    '7519-4-proto a claim %s within __proto__ is not the claim',
    async (name) => {
      const claims = claimsT0()
      const inherited = JSON.stringify({ [name]: claims[name] })
      const rest = JSON.stringify({ ...claims, [name]: undefined })
      const token = written(rest.replace('{', `{"__proto__":${inherited},`))
      if (name === 'scope') await api.forbids(token, { scopes: 'read:a' }, 'read:a')
      else await api.refuses(token, 'missing_claim')
    },
  )

  it.each(['toString', '__proto__', 'constructor'])(
    '7519-4-proto an inherited member such as %s is not a scope claim',
    async (scopeClaim) => {
      expect((await createApi({ scopeClaim }).accepts(t0())).scopes).toEqual([])
    },
  )

  it('7519-4-proto a token without claims inherits none', async () => {
    await api.refuses(written('{}'), 'missing_claim')
    await api.refuses(written('{"__proto__":{}}'), 'missing_claim')
  })

  it('7519-4-unk unknown claims of every type are ignored, and passed on', async () => {
    const unknown = {
      a: 'x',
      b: 1.5,
      c: true,
      d: null,
      e: [1, [2]],
      f: { g: {} },
      '': '',
      'é ☃': 0,
    }
    expect((await api.accepts(t0(unknown))).claims).toMatchObject(unknown)
  })

  it('7519-4.1.2 strings are compared without normalization', async () => {
    const composed = await api.accepts(t0({ sub: 'caf\u00e9' }))
    const decomposed = await api.accepts(t0({ sub: 'cafe\u0301' }))
    expect(composed.subject).toBe('caf\u00e9')
    expect(decomposed.subject).toBe('cafe\u0301')
    const own = createApi({ audience: 'caf\u00e9', realm: 'x' })
    await own.accepts(t0({ aud: 'caf\u00e9' }))
    await own.refuses(t0({ aud: 'cafe\u0301' }), 'wrong_audience')
  })

  it.each([
    `${ISS}\0`,
    `\0${ISS}`,
    `${ISS}\n`,
    `${ISS}\u200b`,
    `\ufeff${ISS}`,
    ISS.replace('s', 'ſ'),
  ])('7519-4.1.2 strings are compared without trimming: iss %j', async (iss) => {
    await api.refuses(t0({ iss }), 'wrong_issuer')
    await api.refuses(t0({ aud: iss.replace(ISS, AUD) }), 'wrong_audience')
  })
})

describe('section 5.2, nested JWTs', () => {
  const inner = t0()

  it.each(['JWT', 'jwt', 'application/jwt', 'Application/JWT'])(
    '7519-5.2-cty a JWT within a JWS is refused, cty %j',
    async (cty) => {
      await api.refuses(
        signParts(JSON.stringify({ ...JSON.parse(headerText), cty }), inner),
        'wrong_type',
      )
      await api.refuses(t0({}, { cty }), 'wrong_type')
      await createApi({ profile: 'jwt' }).refuses(t0({}, { cty }), 'wrong_type')
    },
  )

  it('7519-5.2-cty the claims of an inner JWT are never used, with any signature of the outer one', async () => {
    await api.refuses(written(inner), 'malformed')
    await api.refuses(written(JSON.stringify(inner)), 'malformed')
    await api.refuses(written(JSON.stringify({ jwt: inner, payload: claimsT0() })), 'missing_claim')
    const otherKey = makeKey('RS256', 'rsa1')
    await api.refuses(signParts(headerText, inner, otherKey), 'malformed')
    await api.refuses(signSegments(base64url(headerText), base64url(inner)), 'malformed')
  })
})

describe('section 2, NumericDate', () => {
  const now = seconds()

  it.each([
    ['exp', `${now + 300}.5`],
    ['exp', `${now + 300}.0`],
    ['iat', `${now - 1}.3`],
    ['nbf', `${now - 1}.9`],
    ['exp', '1.9e9'],
    ['exp', '19E+8'],
    ['nbf', '1E-7'],
    ['iat', '0'],
    ['nbf', '-1'],
  ])('7519-nd-a %s %s is a date', async (name, value) => {
    await api.accepts(written(payloadWith(name, value)))
  })

  it.each(['"1999999999"', 'null', 'true', 'false', '[1999999999]', '{}', '""', '[]', '"9"'])(
    '7519-nd-b exp %s is not a number',
    async (value) => {
      await api.refuses(written(payloadWith('exp', value)), 'invalid_claim')
    },
  )

  it.each(['0', '-0', '-1', '0.0', '-1e300', '1e-400'])(
    '7519-nd-c exp %s is in the past, not absent',
    async (value) => {
      await api.refuses(written(payloadWith('exp', value)), 'expired')
      await createApi({ profile: 'jwt' }).refuses(written(payloadWith('exp', value)), 'expired')
    },
  )

  describe.each(['exp', 'nbf', 'iat'])('the claim %s', (name) => {
    it.each(['1e400', '-1e400', `1${'0'.repeat(400)}`])(
      `7519-nd-d ${name} %.8s… is infinite and refused`,
      async (value) => {
        await api.refuses(written(payloadWith(name, value)), 'invalid_claim')
      },
    )

    it.each([
      'NaN',
      'Infinity',
      '-Infinity',
      '0x7fffffff',
      '01',
      '+1',
      '1_000',
      '.5',
      '5.',
      '1e',
      '١',
    ])(`7519-nd-e ${name} %s is not JSON`, async (value) => {
      await api.refuses(written(payloadWith(name, value)), 'malformed')
    })
  })

  it.each(['9007199254740993', '1e300', `${now}000`, '1.7976931348623157e308', '8640000000001'])(
    '7519-nd-f exp %s in the far future is accepted',
    async (value) => {
      const { expiresAt } = await api.accepts(written(payloadWith('exp', value)))
      expect(expiresAt).toBe(Number(value))
    },
  )

  it.each(['9007199254740993', '1e300', `${now}000`])(
    '7519-nd-f nbf or iat %s in the far future is refused',
    async (value) => {
      await api.refuses(written(payloadWith('nbf', value)), 'not_yet_valid')
      await api.refuses(written(payloadWith('iat', value)), 'issued_in_future')
    },
  )

  it('7519-nd-f times in the far future are handled with maxTokenAge', async () => {
    const aged = createApi({ maxTokenAge: 600 })
    await aged.refuses(written(payloadWith('iat', '-1e300')), 'too_old')
    await aged.refuses(written(payloadWith('iat', '1e300')), 'issued_in_future')
    await aged.accepts(written(payloadWith('exp', '1e300')))
  })

  it.each(['nbf', 'iat'])('7519-nd-g %s is a number where it is present', async (name) => {
    for (const value of ['"x"', 'null', '{}', 'true', '[1]', '""', '"0"']) {
      await api.refuses(written(payloadWith(name, value)), 'invalid_claim')
      await createApi({ profile: 'jwt' }).refuses(
        written(payloadWith(name, value)),
        'invalid_claim',
      )
    }
  })
})

describe('garbage', () => {
  const { validator } = createApi()
  const refusal = { status: 401, code: 'invalid_token' }

  it('7519-garbage a token with any changed character is refused', async () => {
    const others = ['A', 'b', '_', '.', '=', ' ', '\0', 'é']
    const mutants = [...good].flatMap((character, at) => {
      const other = others[at % others.length] as string
      const next = String.fromCharCode(character.charCodeAt(0) ^ 1)
      return [other, next].map((text) => good.slice(0, at) + text + good.slice(at + 1))
    })
    const changed = mutants.filter((mutant) => mutant !== good)
    expect(changed.length).toBeGreaterThan(1_000)
    for (const mutant of changed) {
      await expect(validator.validate(mutant), mutant).rejects.toMatchObject(refusal)
    }
  })

  it('7519-garbage no part of a token is accepted', async () => {
    for (let length = 0; length < good.length; length++) {
      for (const part of [good.slice(0, length), good.slice(good.length - length)]) {
        await expect(validator.validate(part), part).rejects.toMatchObject(refusal)
      }
    }
  })

  it('7519-garbage any text is refused, and causes no other error', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => base64url(Buffer.from(bytes))),
      fc
        .array(fc.json().map(base64url), { minLength: 2, maxLength: 6 })
        .map((segments) => segments.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        await expect(validator.validate(token)).rejects.toMatchObject(refusal)
      }),
      { numRuns: 1_000 },
    )
  })

  it('7519-garbage any signed payload is refused, and causes no other error', async () => {
    const value = fc.oneof(fc.jsonValue(), fc.double().map(String), fc.constant(undefined))
    const claims = fc.record({
      exp: value,
      nbf: value,
      iat: value,
      aud: value,
      sub: value,
      scope: value,
    })
    await fc.assert(
      fc.asyncProperty(claims, fc.record({ typ: value, kid: value, cty: value }), async (c, h) => {
        const outcome = await validator.validate(t0(c, h, ec1)).catch((error) => error)
        if (outcome.status === undefined) expect(outcome.issuer).toBe(ISS)
        else expect(outcome).toMatchObject(refusal)
      }),
      { numRuns: 500 },
    )
  })
})

it('an inherited claim is ignored', async () => {
  Object.defineProperty(Object.prototype, 'iss', { value: ISS, configurable: true })
  try {
    await api.refuses(t0({ iss: undefined }), 'missing_claim')
  } finally {
    delete (Object.prototype as Record<string, unknown>).iss
  }
})
