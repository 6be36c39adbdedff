import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createValidator, type ValidatorOptions } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { AUD, base64url, claimsT0, fixtureOptions, ISS, ps1, rsa1, t0 } from '../support/fixture.ts'
import {
  json,
  jump,
  jwksUri,
  metadataUrl,
  outcomeOf,
  pass,
  refused,
  simulateIssuer,
  status,
  stopTime,
} from '../support/simulated-issuer.ts'

const openid = `${ISS}/.well-known/openid-configuration`
const document = { issuer: ISS, jwks_uri: jwksUri }

/** Validates a token of an issuer with documents by URL. Resolves to the fetched URLs and the result. */
async function asked(
  iss: string,
  documents: Record<string, unknown>,
  changes: Partial<ValidatorOptions> = {},
) {
  const issuer = simulateIssuer()
  issuer.metadata = (url) => (Object.hasOwn(documents, url) ? json(documents[url]) : status(404))
  const result = await outcomeOf(
    issuer.validator({ issuer: iss, ...changes }).validate(t0({ iss })),
  )
  return { outcome: result, urls: issuer.urls, events: issuer.events }
}

const withAnswer = async (answer: () => Response | Promise<Response>) => {
  const issuer = simulateIssuer()
  issuer.metadata = answer
  const result = await outcomeOf(issuer.validator().validate(t0()))
  return { outcome: result, issuer }
}

describe('RFC 8414 §3: the URL of the metadata', () => {
  it.each([
    ['https://as.test', 'https://as.test/.well-known/oauth-authorization-server'],
    ['https://as.test/', 'https://as.test/.well-known/oauth-authorization-server'],
    ['https://as.test/t1', 'https://as.test/.well-known/oauth-authorization-server/t1'],
    ['https://as.test/t1/', 'https://as.test/.well-known/oauth-authorization-server/t1'],
    ['https://as.test:8443/a/b', 'https://as.test:8443/.well-known/oauth-authorization-server/a/b'],
  ])('8414-3-a 8414-3-b the metadata of %s is requested first at %s', async (iss, url) => {
    const { outcome: result, urls } = await asked(iss, {
      [url]: { issuer: iss, jwks_uri: jwksUri },
    })
    expect(result).toBe('OK')
    expect(urls).toEqual([url, jwksUri])
  })

  it.each([
    ['https://as.test/t1', 'https://as.test/t1/.well-known/openid-configuration'],
    ['https://as.test/t1/', 'https://as.test/t1/.well-known/openid-configuration'],
    ['https://as.test', 'https://as.test/.well-known/openid-configuration'],
  ])('8414-3-c the OpenID Connect metadata of %s is requested last at %s', async (iss, url) => {
    const { outcome: result, urls } = await asked(iss, {
      [url]: { issuer: iss, jwks_uri: jwksUri },
    })
    expect(result).toBe('OK')
    expect(urls.slice(-2)).toEqual([url, jwksUri])
  })

  it('8414-3-d the three forms are tried in order, the next one after a 404', async () => {
    const { outcome: result, urls } = await asked('https://as.test/t1', {})
    expect(result).toBe('X503')
    expect(urls).toEqual([
      'https://as.test/.well-known/oauth-authorization-server/t1',
      'https://as.test/.well-known/openid-configuration/t1',
      'https://as.test/t1/.well-known/openid-configuration',
    ])
  })

  it.each([500, 502, 503, 429])('8414-3-d after a %i no other form is tried: 503', async (code) => {
    const issuer = simulateIssuer()
    issuer.metadata = (url) => (url === metadataUrl ? status(code) : json(document))
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('X503')
    expect(issuer.urls).toEqual([metadataUrl])
  })

  it('8414-3-d after a refused connection no other form is tried', async () => {
    const issuer = simulateIssuer()
    issuer.metadata = (url) => (url === metadataUrl ? refused() : json(document))
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('X503')
    expect(issuer.urls).toEqual([metadataUrl])
  })

  it('8414-3-e the metadata is requested with GET', async () => {
    const methods: unknown[] = []
    const issuer = simulateIssuer()
    const watching: typeof fetch = (input, init) => {
      methods.push(new Request(String(input), init).method)
      return issuer.fetch(input, init)
    }
    expect(await outcomeOf(issuer.validator({ fetch: watching }).validate(t0()))).toBe('OK')
    expect(methods).toEqual(['GET', 'GET'])
  })
})

describe('RFC 8414 §3.2: the response', () => {
  it.each([
    ['204', () => status(204)],
    ['201', () => json(document, {}, 201)],
    ['301', () => status(301, { location: `${ISS}/elsewhere` })],
    ['404', () => status(404)],
    ['a list', () => json([document])],
    ['HTML', () => new Response('<!doctype html>')],
    ['invalid JSON', () => new Response('{"issuer":')],
    ['null', () => json(null)],
    ['nothing', () => new Response('')],
    ['500', () => status(500)],
    ['no document of an issuer', () => json({ hello: 'world' })],
  ])('8414-3.2-a %s is refused: 503', async (_what, answer) => {
    const { outcome: result, issuer } = await withAnswer(answer)
    expect(result).toBe('X503')
    expect(issuer.count().jwks).toBe(0)
  })

  it.each(['application/json', 'text/plain', undefined])(
    'the media type %s is accepted',
    async (type) => {
      const headers = type === undefined ? {} : { 'content-type': type }
      const { outcome: result } = await withAnswer(
        () => new Response(Buffer.from(JSON.stringify(document)), { headers }),
      )
      expect(result).toBe('OK')
    },
  )

  it.each([
    ['to another origin', 'https://evil.test/metadata'],
    ['to http', 'http://as.test/metadata'],
    ['to another path of this origin', `${ISS}/metadata`],
    ['to itself', metadataUrl],
    ['to the next form', openid],
  ])('8414-redir a redirect %s is not followed: 503', async (_what, location) => {
    const issuer = simulateIssuer()
    const forms = [metadataUrl, openid]
    issuer.metadata = (url) => (forms.includes(url) ? status(302, { location }) : json(document))
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('X503')
    expect(issuer.urls).toEqual(forms)
  })

  it('8414-redir only a redirect to the same URL with a slash at its end is followed', async () => {
    const issuer = simulateIssuer()
    issuer.metadata = (url) =>
      url.endsWith('/') ? json(document) : status(301, { location: `${url}/` })
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('OK')
    expect(issuer.urls).toEqual([metadataUrl, `${metadataUrl}/`, jwksUri])
  })
})

describe('RFC 8414 §3.3: the issuer', () => {
  it.each([
    `${ISS}/`,
    `${ISS}/t1`,
    'https://as.tes',
    '',
    'https://AS.test',
    'https://evil.test',
    'https://as.test:443',
    'http://as.test',
    ` ${ISS}`,
    undefined,
    null,
    1,
    [ISS],
    { toString: ISS },
  ])(
    '8414-3.3-a a document of issuer %j must not be used: 503, and no keys are fetched',
    async (actual) => {
      const { outcome: result, issuer } = await withAnswer(() =>
        json({ ...document, issuer: actual }),
      )
      expect(result).toBe('X503')
      expect(issuer.count().jwks).toBe(0)
    },
  )

  it('8414-3.3-a the error names both issuers, with a hint about the slash', async () => {
    const issuer = simulateIssuer()
    issuer.metadata = () => json({ ...document, issuer: `${ISS}/` })
    await expect(issuer.validator().validate(t0())).rejects.toMatchObject({
      detail: {
        hint: expect.stringMatching(
          /issuer https:\/\/as\.test\/, not of https:\/\/as\.test .*slash/,
        ),
      },
    })
  })

  it.each([`${ISS}/t2`, ISS, `${ISS}/t1/`, `${ISS}/t`, `${ISS}/t1/t1`])(
    '8414-3.3-b the tenant t1 must not use the document of %s',
    async (other) => {
      const url = `${ISS}/.well-known/oauth-authorization-server/t1`
      const { outcome: result, urls } = await asked(`${ISS}/t1`, {
        [url]: { issuer: other, jwks_uri: jwksUri },
      })
      expect(result).toBe('X503')
      expect(urls).not.toContain(jwksUri)
    },
  )

  it('8414-3.3-c a templated issuer is refused, unless issuer and jwksUri are configured', async () => {
    const tenant = 'https://as.test/7a1b/v2.0'
    const url = 'https://as.test/.well-known/oauth-authorization-server/7a1b/v2.0'
    const template = { issuer: 'https://as.test/{tenantid}/v2.0', jwks_uri: jwksUri }
    expect((await asked(tenant, { [url]: template })).outcome).toBe('X503')
    const byHand = await asked(tenant, {}, { issuer: { issuer: tenant, jwksUri } })
    expect(byHand.outcome).toBe('OK')
    const templated = t0({ iss: 'https://as.test/{tenantid}/v2.0' })
    const { validate } = simulateIssuer().validator({ issuer: { issuer: tenant, jwksUri } })
    expect(await outcomeOf(validate(templated))).toBe('T401 wrong_issuer')
  })

  it.each([
    ['https://as.test/%7Ea', 'https://as.test/~a'],
    ['https://as.test/%7ea', 'https://as.test/%7Ea'],
    ['https://xn--bcher-kva.test', 'https://bücher.test'],
    ['https://as.test/%C3%A9', 'https://as.test/\u00e9'],
    ['https://as.test/b', 'https://as.test/a/../b'],
  ])('8414-4-a %s and %s are two issuers: nothing is normalised', async (iss, actual) => {
    const issuer = simulateIssuer()
    issuer.metadata = () => json({ issuer: actual, jwks_uri: jwksUri })
    const { validate } = issuer.validator({ issuer: iss })
    expect(await outcomeOf(validate(t0({ iss })))).toBe('X503')
    expect(await outcomeOf(validate(t0({ iss: actual })))).toBe('T401 wrong_issuer')
    expect(issuer.count().jwks).toBe(0)
  })

  it.each(['https://bücher.test', 'https://as.test/\u00e9', 'https://as.test/a/../b'])(
    '8414-4-a %s is refused as an option, because the URL parser changes it',
    (issuer) => {
      expect(() => simulateIssuer().validator({ issuer })).toThrow('is not in its parsed form')
    },
  )

  it('8414-cons-a the first of two different documents is used, and an event names its jwks_uri', async () => {
    const {
      outcome: result,
      urls,
      events,
    } = await asked(ISS, {
      [metadataUrl]: document,
      [openid]: { issuer: ISS, jwks_uri: 'https://as.test/other' },
    })
    expect(result).toBe('OK')
    expect(urls).toEqual([metadataUrl, jwksUri])
    expect(events).toContainEqual({ type: 'metadata.refreshed', issuer: ISS, jwksUri })
  })
})

describe('RFC 8414 §2: the members of the metadata', () => {
  it.each([
    'http://as.test',
    'https://as.test?x',
    'https://as.test/?',
    'https://as.test#x',
    'as.test',
    '',
    'https:as.test',
    'ftp://as.test',
  ])('8414-2-a the issuer %j is refused at construction', (issuer) => {
    expect(() => createValidator({ issuer, audience: AUD })).toThrow(/^issuer /)
    expect(() => createValidator({ issuer: { issuer }, audience: AUD })).toThrow(TypeError)
  })

  it('8414-2-b jwks_uri may be on another host', async () => {
    const { outcome: result, urls } = await asked(ISS, {
      [metadataUrl]: { issuer: ISS, jwks_uri: 'https://keys.test/jwks?v=1' },
    })
    expect(result).toBe('OK')
    expect(urls.at(-1)).toBe('https://keys.test/jwks?v=1')
  })

  it.each([
    ['http://as.test/jwks', /http URL beyond loopback/],
    ['http://localhost.evil.test/jwks', /http URL beyond loopback/],
    ['http://169.254.169.254/jwks', /http URL beyond loopback/],
    ['/jwks', /not an absolute URL/],
    ['jwks', /not an absolute URL/],
    [undefined, /jwks_uri is missing/],
    [null, /jwks_uri is missing/],
    [[jwksUri], /not an absolute URL/],
    ['file:///etc/passwd', /not an https URL/],
    ['https://a:b@as.test/jwks', /credentials/],
  ])(
    '8414-2-b jwks-http-a jwks_uri %j is refused, with the reason for the operator',
    async (uri, why) => {
      const issuer = simulateIssuer()
      issuer.metadata = () => json({ issuer: ISS, jwks_uri: uri })
      const { validate } = issuer.validator()
      await expect(validate(t0())).rejects.toMatchObject({
        detail: { hint: expect.stringMatching(why) },
      })
      expect(await outcomeOf(validate(t0()))).toBe('X503')
      expect(issuer.count().jwks).toBe(0)
    },
  )

  it.each(['http://as.test/jwks', '/jwks', 'http://localhost.evil.test/'])(
    'jwks-http-a jwksUri %j is refused at construction',
    (uri) => {
      const issuer = { issuer: ISS, jwksUri: uri }
      expect(() => createValidator({ issuer, audience: AUD })).toThrow(/^jwksUri of issuer/)
    },
  )

  it('jwks-http-a http beyond loopback requires allowInsecureHttp', async () => {
    const issuer = {
      issuer: 'http://as:8080',
      jwksUri: 'http://as:8080/jwks',
      allowInsecureHttp: true,
    }
    const { validate } = simulateIssuer().validator({ issuer })
    expect(await outcomeOf(validate(t0({ iss: issuer.issuer })))).toBe('OK')
  })

  it('8414-2-c a key without use verifies signatures, next to keys for encryption', async () => {
    const issuer = simulateIssuer([
      { ...ps1.jwk, alg: 'RSA-OAEP', use: 'enc', kid: 'rsa1' },
      { ...rsa1.jwk, use: undefined },
    ])
    expect(await outcomeOf(issuer.validator().validate(t0()))).toBe('OK')
  })

  it('8414-2-d signed_metadata is ignored: the plain values are used', async () => {
    const payload = base64url(JSON.stringify({ issuer: ISS, jwks_uri: 'https://evil.test/jwks' }))
    const signed_metadata = `${base64url('{"alg":"RS256"}')}.${payload}.AAAA`
    const { outcome: result, urls } = await asked(ISS, {
      [metadataUrl]: { ...document, signed_metadata },
    })
    expect(result).toBe('OK')
    expect(urls).toEqual([metadataUrl, jwksUri])
  })

  it.each(['none', 'HS256'])(
    '8414-alg-a metadata that lists %s for ID tokens does not allow such an access token',
    async (alg) => {
      const issuer = simulateIssuer()
      issuer.metadata = () =>
        json({
          ...document,
          id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256'],
          token_endpoint_auth_signing_alg_values_supported: ['none', 'HS256'],
        })
      const { validate } = issuer.validator()
      expect(await outcomeOf(validate(t0()))).toBe('OK')
      const input = `${base64url(JSON.stringify({ alg, typ: 'at+jwt', kid: 'rsa1' }))}.${base64url(JSON.stringify(claimsT0()))}`
      const hmac = createHmac('sha256', String(rsa1.jwk.n)).update(input).digest('base64url')
      expect(await outcomeOf(validate(`${input}.${alg === 'none' ? '' : hmac}`))).toBe(
        'T401 wrong_algorithm',
      )
    },
  )

  it('8414-alg-a metadata that lists one algorithm does not exclude another', async () => {
    const { outcome: result } = await withAnswer(() =>
      json({ ...document, id_token_signing_alg_values_supported: ['ES256'] }),
    )
    expect(result).toBe('OK')
  })
})

describe('when the metadata is read', () => {
  it('8414-lazy-a an issuer that is down at first does not keep the API from starting, and is used once it is up', async () => {
    stopTime()
    const issuer = simulateIssuer()
    issuer.metadata = refused
    const { validate } = issuer.validator()
    expect(issuer.urls).toEqual([])
    expect(await outcomeOf(validate(t0()))).toBe('X503')
    issuer.metadata = () => json(document)
    await pass(1)
    expect(await outcomeOf(validate(t0()))).toBe('OK')
  })

  it('8414-lazy-b keys that moved are found when their old URL responds with 404', async () => {
    stopTime()
    const issuer = simulateIssuer()
    const { validate } = issuer.validator()
    await validate(t0())
    const moved = `${ISS}/moved`
    issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
    issuer.jwks = (url) => (url === moved ? json({ keys: [ps1.jwk] }) : status(404))
    expect(await outcomeOf(validate(t0({}, {}, ps1)))).toBe('OK')
    expect(issuer.urls.slice(2)).toEqual([jwksUri, metadataUrl, moved])
  })

  it('8414-lazy-b keys that moved while their old URL still responds are found when the metadata expires', async () => {
    stopTime()
    const issuer = simulateIssuer()
    const { validate } = issuer.validator()
    await validate(t0())
    const moved = `${ISS}/moved`
    issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
    issuer.jwks = (url) => json({ keys: url === moved ? [ps1.jwk] : [rsa1.jwk] })
    jump(600)
    expect(await outcomeOf(validate(t0({}, {}, ps1)))).toBe('OK')
  })

  it('8414-manual with jwksUri no well-known URL is requested', async () => {
    stopTime()
    const issuer = simulateIssuer()
    const { validate } = issuer.validator({ issuer: { issuer: ISS, jwksUri } })
    expect(await outcomeOf(validate(t0()))).toBe('OK')
    jump(100_000)
    expect(await outcomeOf(validate(t0()))).toBe('OK')
    issuer.jwks = () => status(404)
    jump(700)
    await outcomeOf(validate(t0()))
    expect(issuer.count()).toEqual({ metadata: 0, jwks: 3 })
  })

  it('with jwks nothing is requested', async () => {
    const issuer = simulateIssuer()
    const { validate } = issuer.validator({ issuer: { issuer: ISS, jwks: { keys: [rsa1.jwk] } } })
    expect(await outcomeOf(validate(t0()))).toBe('OK')
    expect(await outcomeOf(validate(t0({}, { kid: 'other' })))).toBe('T401 unknown_key')
    expect(issuer.urls).toEqual([])
  })
})

it.each(['', '/', '/tenant', '/tenant/'])(
  'over real sockets an issuer with the path %j is found',
  async (path) => {
    await using issuer = await createTestIssuer({ path })
    const { validate } = createValidator({ issuer: issuer.issuer, audience: issuer.audience })
    expect(await outcomeOf(validate(await issuer.token()))).toBe('OK')
    expect(issuer.requests).toMatchObject({ metadata: 1, jwks: 1 })
  },
)

describe('RFC 8414 §6.1: the certificate', () => {
  async function serveSelfSigned() {
    const { cert, key } = await makeCertificate()
    const paths: unknown[] = []
    const server = createServer({ cert, key }, (request, response) => {
      paths.push(request.url)
      const isMetadata = request.url?.includes('well-known')
      response.end(
        JSON.stringify(isMetadata ? { issuer, jwks_uri: `${issuer}/jwks` } : { keys: [rsa1.jwk] }),
      )
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      server.close().closeAllConnections()
    })
    await once(server, 'listening')
    const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    return { issuer, paths }
  }

  it('8414-6.1 an issuer with a self-signed certificate gets no request: 503', async () => {
    const { issuer, paths } = await serveSelfSigned()
    const failures: unknown[] = []
    for (const trusted of [issuer, { issuer, jwksUri: `${issuer}/jwks` }]) {
      const { validate } = createValidator({
        issuer: trusted,
        audience: AUD,
        onEvent: (event) => {
          if (event.type === 'keys.failed') failures.push(event.cause)
        },
      })
      expect(await outcomeOf(validate(t0({ iss: issuer })))).toBe('X503')
    }
    expect(paths).toEqual([])
    const selfSigned = { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }
    expect(failures).toMatchObject([
      { cause: { cause: selfSigned } },
      { cause: { cause: selfSigned } },
    ])
    // The server works for clients that do not verify its certificate.
    const [response] = await once(
      httpsRequest(`${issuer}/jwks`, { rejectUnauthorized: false }).end(),
      'response',
    )
    expect(response.resume().statusCode).toBe(200)
  })

  it.each(['rejectUnauthorized', 'insecure', 'tls', 'agent', 'strictSSL'])(
    '8414-6.1 there is no option %s that disables the check',
    (name) => {
      const option = { [name]: false }
      expect(() => createValidator({ ...fixtureOptions(), ...option })).toThrow(
        `no option "${name}"`,
      )
      expect(() => createValidator(fixtureOptions({ keys: option }))).toThrow(`no option "${name}"`)
      const issuer = { issuer: ISS, ...option }
      expect(() => createValidator({ issuer, audience: AUD })).toThrow(`no option "${name}"`)
    },
  )
})
