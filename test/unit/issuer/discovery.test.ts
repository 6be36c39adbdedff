import { describe, expect, it } from 'vitest'
import { FetchError, type JsonResponse } from '../../../src/internal/fetch-json.ts'
import { discover, listMetadataUrls } from '../../../src/issuer/discovery.ts'

const issuer = 'https://as.test/t1'
const [rfc8414 = '', inserted = '', appended = ''] = listMetadataUrls(issuer)
const jwks_uri = 'https://keys.test/jwks'

type Served = Readonly<Record<string, object | FetchError>>

/** Runs a discovery with documents and failures by URL. Every other URL is a 404. */
function discovering(served: Served, allowInsecureHttp = false) {
  const asked: string[] = []
  const get = async (url: string): Promise<JsonResponse> => {
    asked.push(url)
    const answer = served[url] ?? failure('status', { status: 404 })
    if (answer instanceof Error) throw answer
    return { json: answer as Record<string, unknown>, etag: undefined, cacheControl: 'max-age=77' }
  }
  return { asked, result: discover(issuer, allowInsecureHttp, get) }
}

const failure = (
  reason: FetchError['reason'],
  more: ConstructorParameters<typeof FetchError>[3] = {},
) => new FetchError(reason, 'https://as.test/…', 'it failed', more)

describe('listMetadataUrls', () => {
  it.each([
    [
      'https://as.test',
      ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'],
    ],
    [
      'https://as.test/',
      ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'],
    ],
    [
      'https://as.test/t1/',
      [
        '/.well-known/oauth-authorization-server/t1',
        '/.well-known/openid-configuration/t1',
        '/t1/.well-known/openid-configuration',
      ],
    ],
    [
      'https://as.test/%7Ea/b',
      [
        '/.well-known/oauth-authorization-server/%7Ea/b',
        '/.well-known/openid-configuration/%7Ea/b',
        '/%7Ea/b/.well-known/openid-configuration',
      ],
    ],
  ])('lists the three URLs for %s, each once and in order', (name, paths) => {
    expect(listMetadataUrls(name)).toEqual(paths.map((path) => `https://as.test${path}`))
  })

  it('keeps the port', () => {
    expect(listMetadataUrls('http://127.0.0.1:8080/a')[0]).toBe(
      'http://127.0.0.1:8080/.well-known/oauth-authorization-server/a',
    )
  })
})

describe('discover', () => {
  it('uses the first document of this issuer, and requests no other', async () => {
    const { asked, result } = discovering({ [rfc8414]: { issuer, jwks_uri } })
    expect(await result).toEqual({ jwksUri: jwks_uri, cacheControl: 'max-age=77' })
    expect(asked).toEqual([rfc8414])
  })

  it.each([
    ['404', failure('status', { status: 404 })],
    ['403', failure('status', { status: 403 })],
    ['a redirect', failure('redirect', { status: 302 })],
    ['an answer that is not JSON', failure('not_json')],
    ['an answer that is too large', failure('too_large')],
    ['another issuer', { issuer: `${issuer}/`, jwks_uri }],
    ['the issuer of this host', { issuer: 'https://as.test', jwks_uri }],
    ['no issuer', { jwks_uri }],
    ['no jwks_uri', { issuer }],
  ])('tries the next URL after %s', async (_what, answer) => {
    const { asked, result } = discovering({ [rfc8414]: answer, [appended]: { issuer, jwks_uri } })
    expect((await result).jwksUri).toBe(jwks_uri)
    expect(asked).toEqual([rfc8414, inserted, appended])
  })

  it.each([
    ['500', failure('status', { status: 500 })],
    ['503', failure('status', { status: 503, retryAfter: 9 })],
    ['429', failure('status', { status: 429 })],
    ['a network failure', failure('network')],
    ['a timeout', failure('timeout')],
    ['an error that no request caused', new TypeError('a defect')],
  ])('stops after %s, because another URL may have another document', async (_what, error) => {
    const { asked, result } = discovering({
      [rfc8414]: error as FetchError,
      [inserted]: { issuer, jwks_uri },
    })
    await expect(result).rejects.toBe(error)
    expect(asked).toEqual([rfc8414])
  })

  it('follows a redirect that only adds a slash to the path, once', async () => {
    const slash = failure('redirect', { status: 301, leadsToSlash: true })
    const good = discovering({
      [rfc8414]: slash,
      [`${rfc8414}/`]: { issuer, jwks_uri },
    })
    expect((await good.result).jwksUri).toBe(jwks_uri)
    expect(good.asked).toEqual([rfc8414, `${rfc8414}/`])
    const endless = discovering({
      [rfc8414]: slash,
      [`${rfc8414}/`]: failure('redirect', { status: 301 }),
    })
    await expect(endless.result).rejects.toBeInstanceOf(FetchError)
    expect(endless.asked).toEqual([rfc8414, `${rfc8414}/`, inserted, appended])
  })

  it('does not follow another redirect', async () => {
    const { asked, result } = discovering({ [rfc8414]: failure('redirect', { status: 302 }) })
    await expect(result).rejects.toBeInstanceOf(FetchError)
    expect(asked).toEqual([rfc8414, inserted, appended])
  })

  it('throws the last failure, but prefers the failure for another issuer', async () => {
    const [first, last] = [failure('status', { status: 403 }), failure('not_json')]
    await expect(discovering({ [rfc8414]: first, [appended]: last }).result).rejects.toBe(last)
    const mismatch = {
      reason: 'issuer_mismatch',
      url: rfc8414,
      message: `${rfc8414}: the metadata is of issuer https://evil.test, not of ${issuer}`,
    }
    const other = { issuer: 'https://evil.test', jwks_uri }
    for (const next of [last, { jwks_uri }]) {
      const { result } = discovering({ [rfc8414]: other, [appended]: next })
      await expect(result).rejects.toMatchObject(mismatch)
    }
  })

  it.each([
    ['no member', {}],
    ['an issuer that is not a string', { issuer: [issuer], jwks_uri }],
    ['no issuer', { jwks_uri }],
  ])('does not take a document with %s for metadata', async (_what, document) => {
    const { result } = discovering({ [inserted]: document })
    await expect(result).rejects.toMatchObject({
      reason: 'not_metadata',
      url: inserted,
      message: `${inserted}: the response is not metadata: it has no issuer`,
    })
  })

  it('has a hint if only a slash differs', async () => {
    await expect(
      discovering({ [rfc8414]: { issuer: `${issuer}/`, jwks_uri } }).result,
    ).rejects.toThrow(/differ only by the slash at the end/)
  })

  it.each([
    [undefined, 'jwks_uri is missing'],
    [null, 'jwks_uri is missing'],
    [1, 'is not an absolute URL'],
    ['/jwks', 'is not an absolute URL'],
    ['ftp://as.test/jwks', 'is not an https URL'],
    ['http://as.test/jwks', 'which needs allowInsecureHttp: true'],
    ['https://user@as.test/jwks', 'has credentials in it'],
  ])('refuses the jwks_uri %j', async (uri, problem) => {
    const document = { issuer, jwks_uri: uri }
    await expect(discovering({ [rfc8414]: document }).result).rejects.toMatchObject({
      reason: 'not_metadata',
    })
    const everywhere = { [rfc8414]: document, [inserted]: document, [appended]: document }
    await expect(discovering(everywhere).result).rejects.toMatchObject({
      reason: 'not_metadata',
      message: expect.stringContaining(problem),
    })
  })

  it.each([
    ['http://127.0.0.1:9999/jwks', 'is http, though the issuer is https'],
    [`${jwks_uri}/`.padEnd(2_049, 'a'), 'is longer than 2048 characters'],
    ['https://as.test/jwks\u202e', 'is not in its parsed form'],
  ])('refuses the jwks_uri %.40s of an https issuer', async (uri, problem) => {
    const document = { issuer, jwks_uri: uri }
    const everywhere = { [rfc8414]: document, [inserted]: document, [appended]: document }
    await expect(discovering(everywhere).result).rejects.toMatchObject({
      reason: 'not_metadata',
      message: expect.stringContaining(problem),
    })
  })

  it('accepts a jwks_uri of 2,048 characters', async () => {
    const uri = `${jwks_uri}/`.padEnd(2_048, 'a')
    const { result } = discovering({ [rfc8414]: { issuer, jwks_uri: uri } })
    expect((await result).jwksUri).toBe(uri)
  })

  it('accepts an http jwks_uri of an https issuer if that is allowed', async () => {
    const document = { issuer, jwks_uri: 'http://as.test/jwks' }
    const { result } = discovering({ [rfc8414]: document }, true)
    expect((await result).jwksUri).toBe('http://as.test/jwks')
  })

  it('accepts an http jwks_uri of an http issuer if that is allowed', async () => {
    const insecure = { issuer: 'http://as:8080', jwks_uri: 'http://as:8080/jwks' }
    const get = async () => ({ json: insecure, etag: undefined, cacheControl: undefined })
    expect((await discover(insecure.issuer, true, get)).jwksUri).toBe(insecure.jwks_uri)
    await expect(discover(insecure.issuer, false, get)).rejects.toThrow(/allowInsecureHttp: true/)
  })
})
