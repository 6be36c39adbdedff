/** `validator.ready()` of an issuer with introspection. */
import type { ServiceUnavailableError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { active, createApi, startAuthorizationServer } from '../../support/introspection.ts'

/** An authorization server whose metadata has these members besides the issuer. */
async function startWithMetadata(members: (origin: string) => object | undefined) {
  const server = await startAuthorizationServer(({ url }, response) => {
    if (!url?.startsWith('/.well-known/')) return active()
    const found = members(server.origin)
    return found === undefined ? response.writeHead(404).end() : { issuer: server.origin, ...found }
  })
  return server
}

const failureOf = (ready: Promise<void>) =>
  ready.catch((error: unknown) => error as ServiceUnavailableError)

describe('ready(), if the metadata has no jwks_uri', () => {
  it('resolves when the introspection endpoint is known', async () => {
    const server = await startWithMetadata((origin) => ({
      introspection_endpoint: `${origin}/introspect`,
    }))
    const api = createApi(server, { options: { endpoint: undefined } })
    await api.validator.ready()
    const { length } = server.received
    await api.validator.ready()
    expect(server.received).toHaveLength(length)
    expect(await api.outcomeFor('op-1')).toBe('OK')
  })

  it('resolves where the option endpoint is set', async () => {
    const api = createApi(await startWithMetadata(() => ({})))
    await api.validator.ready()
  })

  it('rejects while the metadata names no endpoint, with back-off, and resolves afterwards', async () => {
    let endpoint: string | undefined
    const server = await startWithMetadata(() => ({ introspection_endpoint: endpoint }))
    const api = createApi(server, { options: { endpoint: undefined } })
    expect(await failureOf(api.validator.ready())).toMatchObject({
      service: 'introspection',
      status: 503,
      headers: { 'Retry-After': '1' },
      detail: { hint: expect.stringContaining('set introspection.endpoint') },
    })
    const { length } = server.received
    expect(await failureOf(api.validator.ready())).toMatchObject({ service: 'introspection' })
    expect(server.received).toHaveLength(length)
    endpoint = server.endpoint
    api.pass(2)
    await api.validator.ready()
  })

  it('rejects for an issuer without introspection, and says that jwks_uri is missing', async () => {
    const server = await startWithMetadata(() => ({}))
    const api = createApi(server, { settings: { introspection: undefined } })
    expect(await failureOf(api.validator.ready())).toMatchObject({
      service: 'keys',
      detail: { hint: expect.stringMatching(/: jwks_uri is missing$/) },
    })
  })
})

describe('ready(), with introspection otherwise', () => {
  it('rejects while the metadata cannot be read', async () => {
    const api = createApi(await startWithMetadata(() => undefined))
    expect(await failureOf(api.validator.ready())).toMatchObject({ service: 'keys' })
  })

  it('rejects where jwks_uri is not a URL', async () => {
    const api = createApi(await startWithMetadata(() => ({ jwks_uri: '/jwks' })))
    expect(await failureOf(api.validator.ready())).toMatchObject({ service: 'keys' })
  })
})
