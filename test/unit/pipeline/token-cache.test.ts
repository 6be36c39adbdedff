import { createHash } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { createTokenCache, digestToken, notCached } from '../../../src/pipeline/token-cache.ts'
import { createApi, JWKS_URI, remoteIssuer } from '../../support/checked-validator.ts'
import { jwks, t0 } from '../../support/fixture.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`)

describe('the cache key of a token', () => {
  const token = t0()
  const hash = createHash('sha256').update(token).digest()

  it('is its SHA-256, which contains no part of the token', () => {
    expect(digestToken(token)).toBe(hash.toString('latin1'))
    expect(digestToken(`${token} `)).not.toBe(digestToken(token))
  })

  it('is the same if node:crypto has no one-shot hash', async () => {
    vi.resetModules()
    vi.doMock('node:crypto', async (load) => ({ ...(await load<object>()), hash: undefined }))
    const older = await import('../../../src/pipeline/token-cache.ts')
    expect(older.digestToken).not.toBe(digestToken)
    expect(older.digestToken(token)).toBe(digestToken(token))
    vi.doUnmock('node:crypto')
  })
})

const header = { alg: 'RS256' }

/** A cache that is used as in a validator, for tokens with the same header. */
function createCache<V>(maxEntries: number) {
  const cache = createTokenCache<V>(maxEntries)
  return {
    get: (text: string) => cache.lookUp(`head.${text}`).value,
    set(text: string, value: V) {
      const token = `head.${text}`
      cache.set(token, cache.lookUp(token), header, value)
    },
  }
}

describe('the cache', () => {
  it('returns the value that was set last', () => {
    const cache = createCache<number>(10)
    expect(cache.get('a')).toBeUndefined()
    cache.set('a', 1)
    cache.set('b', 2)
    expect([cache.get('a'), cache.get('b')]).toEqual([1, 2])
    cache.set('a', 3)
    expect(cache.get('a')).toBe(3)
  })

  it('returns the newer of two values after the older generation is dropped', () => {
    const cache = createCache<number>(4)
    cache.set('a', 1)
    cache.set('b', 1)
    cache.set('c', 1)
    cache.set('a', 2)
    cache.set('d', 1)
    expect(cache.get('a')).toBe(2)
  })

  it.each([1, 2, 3, 4, 5, 10, 101])('holds no more than %i entries', (maxEntries) => {
    const cache = createCache<object>(maxEntries)
    for (const name of numbered(5 * maxEntries + 3)) {
      cache.set(name, {})
      // A lookup moves entries, but adds none.
      const held = numbered(5 * maxEntries + 3).filter((other) => cache.get(other) !== undefined)
      expect(held.length).toBeLessThanOrEqual(maxEntries)
    }
  })

  it('has fewer entries if tokens are long, because their claims take memory', () => {
    const cache = createCache<number>(100)
    for (const name of numbered(100)) cache.set(name + 'x'.repeat(16_384), 1)
    expect(
      numbered(100).filter((name) => cache.get(name + 'x'.repeat(16_384)) !== undefined).length,
    ).toBeLessThan(12)
  })

  it('counts a token once that is set many times, as by concurrent requests', () => {
    const cache = createCache<number>(4)
    cache.set('a', 1)
    for (let time = 0; time < 20; time++) cache.set('x'.repeat(16_000), time)
    expect(cache.get('a')).toBe(1)
    expect(cache.get('x'.repeat(16_000))).toBe(19)
  })

  it.each([2, 3, 10, 100])('keeps the newest half, of %i entries', (maxEntries) => {
    const cache = createCache<string>(maxEntries)
    const names = numbered(10 * maxEntries)
    for (const name of names) cache.set(name, name)
    const newest = names.slice(-Math.floor(maxEntries / 2))
    for (const name of newest) expect(cache.get(name)).toBe(name)
    expect(cache.get('t0')).toBeUndefined()
  })

  it('does not hash a token whose header no cached token has', () => {
    const cache = createTokenCache<number>(100)
    expect(cache.lookUp('head.a')).toEqual(notCached)
    cache.set('head.a', cache.lookUp('head.a'), header, 1)
    cache.set('hat.a', notCached, { alg: 'ES256' }, 2)
    expect(cache.lookUp('head.a')).toMatchObject({
      cachedHeader: { segment: 'head.', header },
      digest: digestToken('head.a'),
      value: 1,
    })
    expect(cache.lookUp('hat.a')).toMatchObject({
      cachedHeader: { header: { alg: 'ES256' } },
      value: 2,
    })
    for (const token of ['hat.b', 'head.b', 'head.', 'head.a.']) {
      expect(cache.lookUp(token)).toMatchObject({ digest: digestToken(token), value: undefined })
    }
    for (const token of ['', '.', '.a', 'head', 'hea.a', 'headd.a', 'a.head']) {
      expect(cache.lookUp(token)).toBe(notCached)
    }
  })

  it('stores one header object for all tokens with the same header', () => {
    const cache = createTokenCache<number>(4)
    for (const name of numbered(20)) {
      const token = `head.${name}`
      cache.set(token, cache.lookUp(token), name === 't0' ? header : { alg: 'other' }, 1)
      expect(cache.lookUp('head.x').cachedHeader?.header).toBe(header)
    }
  })

  it('drops headers with the last token that has them', () => {
    const cache = createTokenCache<number>(4)
    const add = (token: string) => cache.set(token, cache.lookUp(token), header, 1)
    add('once.a')
    for (const name of numbered(4)) add(`head.${name}`)
    expect(cache.lookUp('once.a').cachedHeader).toBeUndefined()
    expect(cache.lookUp('head.t3').cachedHeader?.header).toBe(header)
  })

  it('keeps entries in use, regardless of other tokens', () => {
    const cache = createCache<number>(100)
    cache.set('used', 1)
    cache.set('unused', 1)
    for (const name of numbered(10_000)) {
      cache.set(name, 0)
      expect(cache.get('used')).toBe(1)
    }
    expect(cache.get('unused')).toBeUndefined()
  })
})

describe('the cache of a validator', () => {
  const cachedOf = async ({ accepts, events }: ReturnType<typeof createApi>, token: string) => {
    events.length = 0
    await accepts(token)
    return events.map((event) => event.type === 'token.accepted' && event.cached)
  }

  it('caches a valid token, and shares its verified claims', async () => {
    const api = createApi()
    const token = t0()
    expect(await cachedOf(api, token)).toEqual([false])
    expect(await cachedOf(api, token)).toEqual([true])
    const [first, second] = [await api.accepts(token), await api.accepts(token)]
    expect(first).not.toBe(second)
    expect(first.claims).toBe(second.claims)
    expect([first.token, second.token]).toEqual([token, token])
  })

  it.each([1, 900])('shares the header too, frozen, of any size (%i)', async (size) => {
    const api = createApi()
    const special = { x: { y: [{}] }, z: 'z'.repeat(size) }
    const [one, two] = [await api.accepts(t0({}, special)), await api.accepts(t0({}, special))]
    expect(one.header).toBe(two.header)
    const { x } = one.header as unknown as typeof special
    for (const part of [one.header, x, x.y, x.y[0]]) expect(part).toSatisfy(Object.isFrozen)
  })

  it('distinguishes the headers of 500 keys', async () => {
    const api = createApi({ tokenCache: { maxEntries: 100 } })
    const marks = Array.from({ length: 500 }, (_, index) => `m${index}`)
    const tokens = marks.map((mark) => t0({}, { mark }))
    for (let round = 0; round < 2; round++) {
      const headers = []
      for (const token of tokens) headers.push((await api.accepts(token)).header?.mark)
      expect(headers).toEqual(marks)
    }
  })

  it('caches nothing if it is disabled', async () => {
    const api = createApi({ tokenCache: false })
    const token = t0()
    expect(await cachedOf(api, token)).toEqual([false])
    expect(await cachedOf(api, token)).toEqual([false])
  })

  it('caches no more tokens than maxEntries', async () => {
    const api = createApi({ tokenCache: { maxEntries: 4 } })
    const tokens = Array.from({ length: 8 }, () => t0())
    for (const token of tokens) await api.accepts(token)
    expect(await cachedOf(api, tokens[7] as string)).toEqual([true])
    expect(await cachedOf(api, tokens[0] as string)).toEqual([false])
  })

  it('never caches a refused token', async () => {
    const api = createApi()
    const token = `${t0().slice(0, -8)}AAAAAAAA`
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(api.validator.validate(token)).rejects.toMatchObject({ status: 401 })
    }
    expect(api.events.map(({ type }) => type)).toEqual(Array(3).fill('token.refused'))
  })

  it('distinguishes tokens that share the signing input or the signature', async () => {
    const api = createApi()
    const [one, two] = [t0(), t0()]
    await api.accepts(one)
    await api.accepts(two)
    const input = one.slice(0, one.lastIndexOf('.'))
    const signature = two.slice(two.lastIndexOf('.'))
    await api.refuses(input + signature, 'bad_signature')
    await api.refuses(`${one}=`, 'malformed')
    await api.refuses(`${one} `, 'malformed')
  })

  it('checks a cached token against the requirement of each request', async () => {
    const api = createApi()
    const token = t0()
    await api.accepts(token)
    await api.forbids(token, { scopes: 'write:a' }, 'write:a')
    await api.accepts(token, { scopes: 'read:a' })
  })

  it('refuses a cached token while its key is removed, and accepts it when the key is back', async () => {
    let now = 1_800_000_000
    const served: Record<string, unknown> = { [JWKS_URI]: jwks }
    const api = createApi({ issuer: remoteIssuer, now: () => now * 1000 }, served)
    const token = t0({ iat: now, exp: now + 10_000 })
    await api.accepts(token)
    served[JWKS_URI] = { keys: jwks.keys.filter(({ kid }) => kid !== 'rsa1') }
    expect(await cachedOf(api, token)).toEqual([true])
    now += 601
    await api.refuses(token, 'unknown_key')
    await api.refuses(token, 'unknown_key')
    served[JWKS_URI] = jwks
    now += 601
    await api.accepts(token)
  })

  it('refuses a cached token with the same detail as a new one', async () => {
    let now = 1_800_000_000
    const token = t0({ iat: now, exp: now + 60 })
    const options = { now: () => now * 1000 }
    const [warm, cold] = [createApi(options), createApi(options)]
    await warm.accepts(token)
    now += 100
    const { detail } = await warm.refuses(token, 'expired')
    expect(detail).toEqual((await cold.refuses(token, 'expired')).detail)
    expect(warm.events).toContainEqual(expect.objectContaining({ issuer: 'https://as.test' }))
  })
})
