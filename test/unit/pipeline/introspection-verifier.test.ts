import { createValidator, type ValidatorEvent } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { AUD, ISS, jwks, t0 } from '../../support/fixture.ts'
import {
  active,
  createApi,
  credentials,
  startAuthorizationServer,
} from '../../support/introspection.ts'

describe('an opaque token', () => {
  it.each<[string, object]>([
    ['in the header that is not a token68', { headers: { authorization: 'Bearer op"1' } }],
    [
      'in the form with a control character',
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: { access_token: 'op\t1' },
      },
    ],
  ])('is not sent to the server: %s', async (_what, request) => {
    const server = await startAuthorizationServer(() => active())
    const { validator } = createApi(server, { validator: { tokenLocations: ['header', 'body'] } })
    await expect(validator.authenticate({ headers: {}, ...request })).rejects.toThrow()
    expect(server.received).toEqual([])
  })

  it('may have any visible character in a form', async () => {
    const server = await startAuthorizationServer(() => active())
    const { validator } = createApi(server, { validator: { tokenLocations: ['body'] } })
    await validator.authenticate({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: { access_token: 'op "1"~' },
    })
    expect(server.received[0]?.form.get('token')).toBe('op "1"~')
  })

  it.each([
    ['a character that no access token has', 'op\t1'],
    ["the token begins with no issuer's tokenPrefix", 'other_1'],
  ])('is malformed with the hint: %s', async (hint, token) => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { tokenPrefix: 'op' } })
    await expect(api.introspect(token)).rejects.toMatchObject({
      reason: 'malformed',
      detail: { hint },
    })
    expect(server.received).toEqual([])
  })

  it('counts as cached if its response is', async () => {
    const server = await startAuthorizationServer(() => active())
    const reported: boolean[] = []
    const onEvent = (event: ValidatorEvent) => {
      if (event.type === 'token.accepted') reported.push(event.cached)
    }
    const api = createApi(server, { validator: { onEvent } })
    for (let count = 0; count < 2; count++) await api.introspect('op-1')
    expect(reported).toEqual([false, true])
  })

  it('is refused as soon as it is older than maxTokenAge, though its response is cached', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, {
      options: { maxAge: 60 },
      settings: { maxTokenAge: 30 },
    })
    server.respond = () => active({ iat: Math.floor(api.seconds()) })
    expect(await api.outcomeFor('op-1')).toBe('OK')
    api.pass(29)
    expect(await api.outcomeFor('op-1')).toBe('OK')
    api.pass(1)
    expect(await api.outcomeFor('op-1')).toBe('401 too_old')
    expect(server.received).toHaveLength(1)
  })
})

it('a cached response is not used after the options of its issuer have changed', async () => {
  const response = active({ client_id: undefined, scope: undefined, scp: ['read:b'] })
  const server = await startAuthorizationServer(() => ({
    ...response,
    exp: (response.exp as number) + 9_000,
  }))
  let time = Date.now()
  let scopeClaim = 'scope'
  const { validate } = createValidator({
    issuer: () => ({
      issuer: ISS,
      jwks,
      scopeClaim,
      introspection: {
        authentication: credentials,
        endpoint: server.endpoint,
        tokens: 'all',
        maxAge: 3_600,
      },
    }),
    audience: AUD,
    now: () => time,
  })
  const token = t0({ exp: Math.floor(time / 1000) + 9_000 })
  expect((await validate(token)).scopes).toEqual([])
  scopeClaim = 'scp'
  time += 601_000
  await validate(token)
  expect((await validate(token)).scopes).toEqual(['read:b'])
  expect(server.received).toHaveLength(2)
})
