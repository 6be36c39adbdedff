import { describe, expect, it } from 'vitest'
import { FetchError } from '../../../src/internal/fetch-json.ts'
import type { FetchLikeInit } from '../../../src/internal/fetch-like.ts'
import type { JsonObject } from '../../../src/internal/json-object.ts'
import { createIntrospectionClient } from '../../../src/introspection/introspection-client.ts'
import type { ResolvedClientAuthentication } from '../../../src/options/introspection.ts'

const url = 'https://as.test/introspect'
const post = { method: 'client_secret_post', clientId: 'rs', clientSecret: 'hush' } as const
const basic = { ...post, method: 'client_secret_basic', encoding: 'form' } as const

interface Setup {
  readonly respond?: (init: FetchLikeInit) => Response | Promise<Response>
  readonly authentication?: ResolvedClientAuthentication
  readonly isMethodListed?: boolean
  readonly locate?: () => string | Promise<string>
  readonly verifySigned?: (text: string) => Promise<JsonObject>
  readonly timeout?: number
}

const json = (body: unknown, status = 200, type = 'application/json') =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': type } })

function createSetup({
  respond = () => json({ active: true }),
  authentication = post,
  isMethodListed,
  locate = () => url,
  verifySigned,
  timeout = 5,
}: Setup) {
  const seen = { expired: 0 }
  const client = createIntrospectionClient({
    authentication,
    endpoint: {
      isKnown: () => true,
      locate,
      isMethodListed: () => isMethodListed,
      expireMetadata: () => {
        seen.expired++
      },
    },
    verifySigned,
    timeout,
    fetch: async (_url, init) => respond(init),
    now: Date.now,
  })
  return { client, seen }
}

const introspect = (setup: Setup) => createSetup(setup).client.introspect('op-1')

it('the request has the token, its type, and the credentials', async () => {
  const requests: FetchLikeInit[] = []
  const respond = (init: FetchLikeInit) => {
    requests.push(init)
    return json({ active: true })
  }
  await introspect({ respond })
  const [request] = requests
  expect(request).toMatchObject({
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: 'token=op-1&token_type_hint=access_token&client_id=rs&client_secret=hush',
  })
})

describe('the response', () => {
  it('has the members and the size of the body', async () => {
    const respond = () => json({ active: true, sub: 'é' })
    expect(await introspect({ respond })).toEqual({
      response: { active: true, claims: { active: true, sub: 'é' } },
      size: Buffer.byteLength('{"active":true,"sub":"é"}'),
    })
  })

  it.each(['application/json', 'Application/JSON ; charset=utf-8', ' application/json'])(
    'may have the type %j',
    async (type) => {
      expect(await introspect({ respond: () => json({ active: false }, 200, type) })).toMatchObject(
        {
          response: { active: false },
        },
      )
    },
  )

  it.each<[string, () => Response]>([
    ['another type', () => json({ active: true }, 200, 'text/html')],
    ['no type', () => new Response(new TextEncoder().encode('{"active":true}'))],
  ])('is refused with %s', async (_what, respond) => {
    const { client, seen } = createSetup({ respond })
    await expect(client.introspect('op-1')).rejects.toMatchObject({
      reason: 'not_json',
      message: `${url}: the response is not application/json`,
      dueTo: 'server_or_token',
    })
    expect(seen.expired).toBe(1)
  })

  it('is refused if active is not a boolean', async () => {
    await expect(introspect({ respond: () => json({ active: 1 }) })).rejects.toMatchObject({
      reason: 'not_introspection',
      message: 'the response is not an introspection response: active is not a boolean',
      dueTo: 'server_or_token',
    })
  })

  it('is missing after the timeout, which the server or the token may have caused', async () => {
    const respond = () => new Promise<Response>(() => {})
    await expect(introspect({ respond, timeout: 0.01 })).rejects.toMatchObject({
      reason: 'timeout',
      message: 'no introspection within 0.01 s',
      dueTo: 'server_or_token',
      cause: expect.any(Error),
    })
  })
})

describe('a signed response', () => {
  const type = 'application/token-introspection+jwt'
  const verifySigned = async (text: string) => ({ active: true, text })

  it('is verified without white space around it', async () => {
    const respond = () => new Response(' a.b.c\r\n', { headers: { 'content-type': type } })
    expect(await introspect({ respond, verifySigned })).toMatchObject({
      response: { claims: { text: 'a.b.c' } },
    })
  })

  it('is the only one that is accepted', async () => {
    await expect(introspect({ verifySigned })).rejects.toMatchObject({
      reason: 'invalid_signed_response',
      message: `the response is not ${type}`,
      dueTo: 'server_or_token',
    })
  })
})

describe('an endpoint that cannot be located', () => {
  it('is a failure of the server, and no request is made', async () => {
    const { client } = createSetup({
      locate: () => Promise.reject(new FetchError('status', url, 'failed', { status: 400 })),
      respond: () => expect.unreachable(),
    })
    const failure = { reason: 'status', dueTo: 'server' }
    await expect(client.introspect('op-1')).rejects.toMatchObject(failure)
    await expect(client.findEndpoint()).rejects.toMatchObject(failure)
  })
})

describe('a response that refuses the credentials', () => {
  const refusalOf = async (setup: Setup, status = 401, body: object = {}) => {
    const error = await introspect({ respond: () => json(body, status), ...setup }).catch(
      (thrown) => thrown,
    )
    expect(error).toMatchObject({
      reason: 'credentials_refused',
      dueTo: status === 401 ? 'server' : 'server_or_token',
      cause: { status },
    })
    return error
  }

  it.each<[string, string, ResolvedClientAuthentication]>([
    ['client "rs" (client_secret_post)', 'status 401', post],
    ['client "r\\"s" (client_secret_post)', 'status 403', { ...post, clientId: 'r"s' }],
    ['this API (none)', 'status 401', { method: 'none', clientId: undefined }],
  ])('names the client and the status: %s, %s', async (client, status, authentication) => {
    const { message } = await refusalOf({ authentication }, Number(status.slice(-3)))
    expect(message).toBe(
      `the introspection endpoint refuses the credentials of ${client}: ${status}`,
    )
  })

  const check = 'check clientId, the secret or key, and whether this client may introspect tokens'
  const raw =
    "clientId or clientSecret has special characters: a server that does not decode them needs encoding: 'raw'"
  const special = { ...basic, clientSecret: 's%' }

  it.each<[string, Setup]>([
    [check, {}],
    [check, { authentication: basic, isMethodListed: true }],
    [raw, { authentication: special, isMethodListed: true }],
    [raw, { authentication: special }],
    [
      'the metadata of the issuer does not list the method client_secret_basic',
      { authentication: special, isMethodListed: false },
    ],
  ])('has the hint: %s', async (hint, setup) => {
    expect((await refusalOf(setup)).hint).toBe(hint)
    const body = { error: 'invalid_client' }
    expect((await refusalOf(setup, 403, body)).hint).toBe(`error invalid_client: ${hint}`)
  })

  it.each<[string, ResolvedClientAuthentication]>([
    ['Basic', basic],
    [Buffer.from('rs:hush').toString('base64'), basic],
    ['hush', post],
    ['op-1', post],
  ])(
    'does not have an error code that repeats what was sent: %s',
    async (error, authentication) => {
      expect((await refusalOf({ authentication }, 401, { error })).hint).toBe(check)
    },
  )
})
