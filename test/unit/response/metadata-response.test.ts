import { describe, expect, it, vi } from 'vitest'
import { type IdentifiedResource, readResource } from '../../../src/options/resource.ts'
import { createResourceMetadata } from '../../../src/response/metadata-document.ts'
import {
  createMetadataEntry,
  createMetadataResponse,
} from '../../../src/response/metadata-response.ts'

const context = { issuers: ['https://as.test'], tokenLocations: ['header'] as const }
const entry = (identifier: string, maxAge?: number) =>
  createMetadataEntry(
    createResourceMetadata(
      readResource({ identifier, maxAge, name: 'Bücher' }) as IdentifiedResource,
      context,
    ),
  )

const wellKnown = '/.well-known/oauth-protected-resource'
const entries = ['https://rs.test/', 'https://rs.test/api', 'https://rs.test/a%20b/'].map((item) =>
  entry(item),
)
/** The response of the first resource that has one, as with one middleware for each. */
const respond = (url: string | undefined, method?: string, resources = entries) =>
  resources.map((item) => createMetadataResponse(item, method, url)).find(Boolean)
const resourceAt = (url: string, method?: string) => {
  const body = respond(url, method)?.body
  return body === undefined ? undefined : JSON.parse(body).resource
}

describe('a request for metadata', () => {
  it('is answered with the document and headers', () => {
    const response = respond(`${wellKnown}/api`, 'GET')
    expect(response?.status).toBe(200)
    const body = response?.body ?? ''
    expect(JSON.parse(body)).toMatchObject({ resource: 'https://rs.test/api' })
    expect(response?.headers).toEqual({
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'public, max-age=3600',
      'Access-Control-Allow-Origin': '*',
    })
  })

  it('is answered for HEAD with the same headers and no body', () => {
    const { headers } = respond(`${wellKnown}/api`, 'GET') ?? {}
    expect(respond(`${wellKnown}/api`, 'HEAD')).toEqual({ status: 200, headers, body: '' })
  })

  it('is answered for OPTIONS as a preflight that allows every header', () => {
    const response = respond(`${wellKnown}/api`, 'OPTIONS')
    expect(response).toMatchObject({
      status: 204,
      headers: {
        Allow: 'GET, HEAD, OPTIONS',
        'Access-Control-Allow-Origin': '*',
        'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
        'Access-Control-Allow-Headers': '*',
      },
      body: '',
    })
    expect(response?.headers).not.toHaveProperty('Access-Control-Allow-Credentials')
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'get', ''])(
    'is answered with 405 for %s',
    (method) => {
      expect(respond(`${wellKnown}/api`, method)).toMatchObject({
        status: 405,
        headers: { Allow: 'GET, HEAD, OPTIONS', 'Access-Control-Allow-Origin': '*' },
        body: '',
      })
    },
  )

  it('is a GET where no method is known', () => {
    expect(respond(`${wellKnown}/api`)).toMatchObject({ status: 200 })
  })

  it('is answered with the age that was configured', () => {
    const response = respond(`${wellKnown}/api`, 'GET', [entry('https://rs.test/api', 0)])
    expect(response?.headers['Cache-Control']).toBe('public, max-age=0')
  })
})

describe('several resources on one host', () => {
  it('9728-multi have a document each', () => {
    expect(resourceAt(wellKnown)).toBe('https://rs.test/')
    expect(resourceAt(`${wellKnown}/api`)).toBe('https://rs.test/api')
    expect(resourceAt(`${wellKnown}/a%20b/`)).toBe('https://rs.test/a%20b/')
  })

  it.each([
    undefined,
    '',
    '/',
    '*',
    '/api',
    `${wellKnown}/`,
    `${wellKnown}/nope`,
    `${wellKnown}/api/`,
    `${wellKnown}/API`,
    `${wellKnown}/ap%69`,
    `${wellKnown}/api?`,
    `${wellKnown}/api?k=v`,
    `${wellKnown}/api#x`,
    `${wellKnown}/api/../api`,
    `${wellKnown}/a b/`,
    `/${wellKnown}/api`,
    `//evil.test${wellKnown}/api`,
    `/x${wellKnown}/api`,
    `ftp://rs.test${wellKnown}/api`,
    `https:/${wellKnown}/api`,
    'https://rs.test',
  ])('9728-multi, 9110-node-e do not respond to other request targets: %s', (url) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
      expect(respond(url, method)).toBeUndefined()
    }
  })

  it('9110-node-d, 9728-5.1-d ignore the host of an absolute request target', () => {
    expect(resourceAt(`https://rs.test${wellKnown}/api`)).toBe('https://rs.test/api')
    expect(resourceAt(`HTTP://evil.test:80${wellKnown}/api`)).toBe('https://rs.test/api')
    expect(resourceAt(`https://rs.test${wellKnown}/a%20b/`)).toBe('https://rs.test/a%20b/')
  })

  it('9728-3.1-b differ by their query', () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const withQuery = [...entries, entry('https://rs.test/api?k=v')]
    const at = (url: string) => respond(url, 'GET', withQuery)?.body
    expect(at(`${wellKnown}/api?k=v`)).toContain('"https://rs.test/api?k=v"')
    expect(at(`${wellKnown}/api`)).toContain('"https://rs.test/api"')
    expect(at(`${wellKnown}/api?k=w`)).toBeUndefined()
  })
})
