import { createHash } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { createTokenCache, digestOf } from '../../src/token/cache.ts'
import { jwks, t0 } from '../support/fixture.ts'
import { createApi, JWKS_URI, remoteIssuer } from '../support/verdict.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`)

describe('the name of a token', () => {
  const token = t0()
  const hash = createHash('sha256').update(token).digest()

  it('is its SHA-256, and says nothing of the token', () => {
    expect([hash.toString('base64'), hash.toString('latin1')]).toContain(digestOf(token))
    expect(digestOf(`${token} `)).not.toBe(digestOf(token))
  })

  it('is the same where node:crypto has no one-shot hash', async () => {
    vi.resetModules()
    vi.doMock('node:crypto', async (load) => ({ ...(await load<object>()), hash: undefined }))
    const older = await import('../../src/token/cache.ts')
    expect(older.digestOf).not.toBe(digestOf)
    expect(older.digestOf(token)).toBe(digestOf(token))
    vi.doUnmock('node:crypto')
  })
})

describe('the cache', () => {
  it('gives back what was set last', () => {
    const cache = createTokenCache<number>(10)
    expect(cache.get('a')).toBeUndefined()
    cache.set('a', 1, 800)
    cache.set('b', 2, 800)
    expect([cache.get('a'), cache.get('b')]).toEqual([1, 2])
    cache.set('a', 3, 800)
    expect(cache.get('a')).toBe(3)
  })

  it('serves the newer of two values after the older one has aged', () => {
    const cache = createTokenCache<number>(4)
    cache.set('a', 1, 800)
    cache.set('b', 1, 800)
    cache.set('c', 1, 800)
    cache.set('a', 2, 800)
    cache.set('d', 1, 800)
    expect(cache.get('a')).toBe(2)
  })

  it.each([1, 2, 3, 4, 5, 10, 101])('holds no more than %i entries', (maxEntries) => {
    const cache = createTokenCache<object>(maxEntries)
    for (const name of numbered(5 * maxEntries + 3)) {
      cache.set(name, {}, 800)
      // To ask moves entries about, but adds none.
      const held = numbered(5 * maxEntries + 3).filter((other) => cache.get(other) !== undefined)
      expect(held.length).toBeLessThanOrEqual(maxEntries)
    }
  })

  it('holds fewer entries where tokens are long, for what they say takes memory', () => {
    const cache = createTokenCache<number>(100)
    for (const name of numbered(100)) cache.set(name, 1, 16_384)
    expect(numbered(100).filter((name) => cache.get(name) !== undefined).length).toBeLessThan(12)
  })

  it.each([2, 3, 10, 100])('keeps the newest half, of %i entries', (maxEntries) => {
    const cache = createTokenCache<string>(maxEntries)
    const names = numbered(10 * maxEntries)
    for (const name of names) cache.set(name, name, 800)
    const newest = names.slice(-Math.floor(maxEntries / 2))
    for (const name of newest) expect(cache.get(name)).toBe(name)
    expect(cache.get('t0')).toBeUndefined()
  })

  it('keeps what is used, whatever else comes by', () => {
    const cache = createTokenCache<number>(100)
    cache.set('used', 1, 800)
    cache.set('unused', 1, 800)
    for (const name of numbered(10_000)) {
      cache.set(name, 0, 800)
      expect(cache.get('used')).toBe(1)
    }
    expect(cache.get('unused')).toBeUndefined()
  })
})

describe('the cache at work', () => {
  const rememberedOf = async ({ accepts, events }: ReturnType<typeof createApi>, token: string) => {
    events.length = 0
    await accepts(token)
    return events.map((event) => event.type === 'token.accepted' && event.remembered)
  }

  it('remembers a token that was good, and shares what was verified', async () => {
    const api = createApi()
    const token = t0()
    expect(await rememberedOf(api, token)).toEqual([false])
    expect(await rememberedOf(api, token)).toEqual([true])
    const [first, second] = [await api.accepts(token), await api.accepts(token)]
    expect(first).not.toBe(second)
    expect(first.claims).toBe(second.claims)
    expect([first.token, second.token]).toEqual([token, token])
  })

  it('remembers nothing where it is switched off', async () => {
    const api = createApi({ tokenCache: false })
    const token = t0()
    expect(await rememberedOf(api, token)).toEqual([false])
    expect(await rememberedOf(api, token)).toEqual([false])
  })

  it('remembers no more tokens than it is told to', async () => {
    const api = createApi({ tokenCache: { maxEntries: 4 } })
    const tokens = Array.from({ length: 8 }, () => t0())
    for (const token of tokens) await api.accepts(token)
    expect(await rememberedOf(api, tokens[7] as string)).toEqual([true])
    expect(await rememberedOf(api, tokens[0] as string)).toEqual([false])
  })

  it('never remembers a token that was refused', async () => {
    const api = createApi()
    const token = `${t0().slice(0, -8)}AAAAAAAA`
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(api.validator.validate(token)).rejects.toMatchObject({ status: 401 })
    }
    expect(api.events.map(({ type }) => type)).toEqual(Array(3).fill('token.refused'))
  })

  it('never takes one token for another that shares its signing input or signature', async () => {
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

  it('holds a remembered token against the requirement of each request', async () => {
    const api = createApi()
    const token = t0()
    await api.accepts(token)
    await api.forbids(token, { scopes: 'write:a' }, 'write:a')
    await api.accepts(token, { scopes: 'read:a' })
  })

  it('forgets a token once its key is withdrawn, and knows it again once that is back', async () => {
    let now = 1_800_000_000
    const served: Record<string, unknown> = { [JWKS_URI]: jwks }
    const api = createApi({ issuer: remoteIssuer, now: () => now * 1000 }, served)
    const token = t0({ iat: now, exp: now + 10_000 })
    await api.accepts(token)
    served[JWKS_URI] = { keys: jwks.keys.filter(({ kid }) => kid !== 'rsa1') }
    expect(await rememberedOf(api, token)).toEqual([true])
    now += 601
    await api.refuses(token, 'unknown_key')
    await api.refuses(token, 'unknown_key')
    served[JWKS_URI] = jwks
    now += 601
    await api.accepts(token)
  })

  it('tells the refusal of a remembered token as fully as that of a new one', async () => {
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
