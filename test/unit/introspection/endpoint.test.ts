import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import type { ClientAuthenticationMethod, ValidatorEvent } from '../../../src/events.ts'
import {
  createIntrospectionEndpoint,
  type EndpointOptions,
} from '../../../src/introspection/endpoint.ts'
import { ISS } from '../../support/fixture.ts'
import { active, createApi, startAuthorizationServer } from '../../support/introspection.ts'
import { json, metadataUrl, status } from '../../support/simulated-issuer.ts'

const url = `${ISS}/introspect`

function endpointWith(metadata: object | undefined, changes: Partial<EndpointOptions> = {}) {
  let time = 1e12
  const events: ValidatorEvent[] = []
  const urls: string[] = []
  const served = { metadata }
  const endpoint = createIntrospectionEndpoint({
    issuer: ISS,
    endpoint: undefined,
    allowInsecureHttp: false,
    method: 'client_secret_basic',
    metadataMaxAge: 600,
    now: () => time,
    observer: createObserver((event) => events.push(event)),
    fetch: async (input) => {
      urls.push(String(input))
      const isThere = input === metadataUrl && served.metadata !== undefined
      return isThere ? json({ issuer: ISS, ...served.metadata }) : status(404)
    },
    ...changes,
  })
  return {
    endpoint,
    events,
    urls,
    served,
    locate: async () => endpoint.locate(new AbortController().signal),
    pass(seconds: number) {
      time += seconds * 1000
    },
  }
}

describe('an introspection endpoint from the metadata', () => {
  it('is read once, for concurrent requests too, until the metadata is too old', async () => {
    const { locate, urls, pass } = endpointWith({ introspection_endpoint: url })
    expect(await Promise.all([locate(), locate()])).toEqual([url, url])
    pass(599)
    expect(await locate()).toBe(url)
    expect(urls).toEqual([metadataUrl])
    pass(1)
    await locate()
    expect(urls).toHaveLength(2)
  })

  it('needs no jwks_uri, because an issuer may have opaque tokens only', async () => {
    const { locate } = endpointWith({ introspection_endpoint: url, jwks_uri: undefined })
    expect(await locate()).toBe(url)
  })

  it.each([
    ['the metadata has no introspection_endpoint', {}],
    ['introspection_endpoint is not an absolute URL', { introspection_endpoint: '/introspect' }],
    ['introspection_endpoint is an http', { introspection_endpoint: 'http://as.test/introspect' }],
    ['introspection_endpoint has credentials', { introspection_endpoint: 'https://a:b@as.test/' }],
  ])('is refused: %s', async (message, metadata) => {
    await expect(endpointWith(metadata).locate()).rejects.toMatchObject({
      reason: 'not_metadata',
      message: expect.stringContaining(message),
    })
  })

  it('may be http beyond loopback with allowInsecureHttp', async () => {
    const insecure = { introspection_endpoint: 'http://as.test/introspect' }
    const { locate } = endpointWith(insecure, { allowInsecureHttp: true })
    expect(await locate()).toBe('http://as.test/introspect')
  })

  it('stays in use if the metadata cannot be read again', async () => {
    const { locate, served, events, pass, urls } = endpointWith({ introspection_endpoint: url })
    await locate()
    served.metadata = undefined
    pass(600)
    expect(await locate()).toBe(url)
    expect(events).toMatchObject([{ type: 'metadata.failed', issuer: ISS, reason: 'status' }])
    const { length } = urls
    pass(599)
    expect(await locate()).toBe(url)
    expect(urls).toHaveLength(length)
  })

  it('is read again when the clock was set back', async () => {
    const { locate, urls, pass } = endpointWith({ introspection_endpoint: url })
    await locate()
    pass(-1)
    await locate()
    expect(urls).toHaveLength(2)
  })

  it('is known after it was found, and so is whether the method is listed', async () => {
    const { endpoint, locate, served } = endpointWith({})
    expect([endpoint.isKnown(), endpoint.isMethodListed()]).toEqual([false, undefined])
    await expect(locate()).rejects.toThrow()
    await expect(locate()).rejects.toThrow()
    expect(endpoint.isKnown()).toBe(false)
    served.metadata = {
      introspection_endpoint: url,
      introspection_endpoint_auth_methods_supported: ['none'],
    }
    await locate()
    expect([endpoint.isKnown(), endpoint.isMethodListed()]).toEqual([true, false])
  })

  it('is read again after a failure, at most once a minute', async () => {
    const { endpoint, locate, served, pass, urls } = endpointWith({ introspection_endpoint: url })
    await locate()
    served.metadata = { introspection_endpoint: `${url}2` }
    pass(59)
    endpoint.expireMetadata()
    expect(await locate()).toBe(url)
    pass(1)
    endpoint.expireMetadata()
    expect(await locate()).toBe(`${url}2`)
    endpoint.expireMetadata()
    await locate()
    expect(urls).toHaveLength(2)
  })

  it('reports a method that the metadata does not list, once, and uses it', async () => {
    const { endpoint, locate, events, pass } = endpointWith({
      introspection_endpoint: url,
      introspection_endpoint_auth_methods_supported: ['private_key_jwt', 7, 'Bearer\n'],
    })
    expect(await locate()).toBe(url)
    expect(endpoint.isMethodListed()).toBe(false)
    expect(events).toEqual([
      {
        type: 'introspection.method_unlisted',
        issuer: ISS,
        method: 'client_secret_basic',
        listed: 'private_key_jwt Bearer?',
      },
    ])
    pass(600)
    await locate()
    expect(events).toHaveLength(1)
  })

  it('reports the method again if the URL or the list has changed', async () => {
    const { locate, events, served, pass } = endpointWith({})
    for (const [path, listed] of [
      ['/1', 'none'],
      ['/2', 'none'],
      ['/2', 'bearer'],
      ['/2', 'bearer'],
    ]) {
      served.metadata = {
        introspection_endpoint: ISS + path,
        introspection_endpoint_auth_methods_supported: [listed],
      }
      expect(await locate()).toBe(ISS + path)
      pass(600)
    }
    expect(events).toMatchObject([{ listed: 'none' }, { listed: 'none' }, { listed: 'bearer' }])
  })

  it.each<[string, unknown, boolean | undefined]>([
    ['client_secret_basic', undefined, undefined],
    ['client_secret_basic', 'client_secret_basic', undefined],
    ['client_secret_basic', ['private_key_jwt', 'client_secret_basic'], true],
    ['bearer', ['client_secret_basic', 'Bearer'], true],
  ])('does not report the method %s if the metadata lists %j', async (name, listed, isListed) => {
    const { endpoint, locate, events } = endpointWith(
      { introspection_endpoint: url, introspection_endpoint_auth_methods_supported: listed },
      { method: name as ClientAuthenticationMethod },
    )
    await locate()
    expect(endpoint.isMethodListed()).toBe(isListed)
    expect(events).toEqual([])
  })
})

describe('an introspection endpoint from the options', () => {
  it('is known from the start, and no metadata is read, even after a failure', async () => {
    const { endpoint, locate, urls } = endpointWith({}, { endpoint: url })
    expect([endpoint.isKnown(), endpoint.isMethodListed()]).toEqual([true, undefined])
    expect(await locate()).toBe(url)
    endpoint.expireMetadata()
    expect(await locate()).toBe(url)
    expect(urls).toEqual([])
  })
})

describe('the metadata of a real server', () => {
  it('leads to the endpoint', async () => {
    const server = await startAuthorizationServer(({ url: path }) =>
      path?.startsWith('/.well-known/')
        ? { issuer: server.origin, introspection_endpoint: server.endpoint }
        : active(),
    )
    const api = createApi(server, { options: { endpoint: undefined } })
    expect(await api.outcomeFor('op-1')).toBe('OK')
    expect(server.received.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'POST /introspect',
    ])
  })

  it('leads to a 503, and to back-off for every token, if it is missing', async () => {
    const server = await startAuthorizationServer((_request, response) =>
      response.writeHead(404).end(),
    )
    const api = createApi(server, { options: { endpoint: undefined } })
    expect(await api.outcomeFor('op-1')).toBe('503')
    const { length } = server.received
    expect(await api.outcomeFor('op-2')).toBe('503')
    expect(server.received).toHaveLength(length)
    expect(api.events).toMatchObject([{ type: 'introspection.failed', reason: 'status' }])
  })

  it('explains why the credentials are refused if the method is not listed', async () => {
    const server = await startAuthorizationServer(({ url: path }, response) =>
      path?.startsWith('/.well-known/')
        ? {
            issuer: server.origin,
            introspection_endpoint: server.endpoint,
            introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
          }
        : response.writeHead(401).end(),
    )
    const api = createApi(server, { options: { endpoint: undefined } })
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([
      { type: 'introspection.method_unlisted', listed: 'private_key_jwt' },
      {
        type: 'introspection.failed',
        hint: 'the metadata of the issuer does not list the method client_secret_basic',
      },
    ])
  })
})
