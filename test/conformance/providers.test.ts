/**
 * The table of providers in the README: its options accept the tokens of each provider, except Google, whose
 * tokens are refused. The tokens of AD FS are in the test of its guide.
 */
import type { JWK } from 'jose'
import { createValidator, type ValidatorOptions } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { docsFile } from '../support/docs.ts'
import { makeKey, rsa1, seconds, signParts } from '../support/fixture.ts'
import { audience, type ProviderToken, providerTokens } from '../support/provider-tokens.ts'

/** The placeholders of the README and their values in the tokens. */
const placeholders: readonly (readonly [name: string, value: string])[] = [
  ['TENANT_ID', '72f988bf-86f1-41af-91ab-2d7cd011db47'],
  ['TENANT', 'example'],
  ['ORG', 'example'],
  ['HOST', 'sso.example.com'],
  ['REALM', 'example'],
  ['REGION', 'eu-west-1'],
  ['POOL_ID', 'eu-west-1_EXAMPLE'],
]

function readRow(provider: string): string {
  const { text } = docsFile('README.md')
  const row = text.split('\n').find((line) => line.startsWith(`| ${provider} |`))
  if (row === undefined) throw new Error(`The README has no row for ${provider}`)
  return row
}

/** The first code in a row of the README is the issuer. */
function readIssuer(row: string): string {
  const template = /`([^`]*)`/.exec(row)?.[1] ?? ''
  return placeholders.reduce((url, [name, value]) => url.replace(name, value), template)
}

/** Serves these JSON documents, and 404 for every other URL. */
const serve =
  (documents: Readonly<Record<string, unknown>>): typeof globalThis.fetch =>
  async (url) =>
    Object.hasOwn(documents, String(url))
      ? Response.json(documents[String(url)])
      : new Response(null, { status: 404 })

const { alg: _, ...publishedKey } = rsa1.jwk
const publishedKeys: { keys: JWK[] } = { keys: [publishedKey] }

function mint(
  iss: string,
  { header, claims }: Pick<ProviderToken, 'header' | 'claims'>,
  changes = {},
) {
  const times = { iat: seconds(), exp: seconds() + 300 }
  return signParts(
    JSON.stringify({ ...header, alg: 'RS256', kid: rsa1.jwk.kid }),
    JSON.stringify({ iss, ...times, ...claims, ...changes }),
  )
}

describe.each(providerTokens.map((token) => [token.title, token] as const))(
  '%s: an access token',
  (_, example) => {
    const row = readRow(example.provider)
    const issuer = readIssuer(row)
    const { options, documented, accepted, refused, jwksUri } = example
    // OpenID Connect Discovery §4, which all of these providers follow.
    const metadataUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const fetch = serve({
      [metadataUrl]: { issuer, jwks_uri: jwksUri },
      [jwksUri]: publishedKeys,
    })
    const validator = createValidator({ issuer, fetch, ...options } as ValidatorOptions)

    it('is accepted with the options of the README', async () => {
      for (const text of documented) expect(row).toContain(text)
      const token = await validator.validate(mint(issuer, example), { scopes: 'read:reports' })
      expect(token).toMatchObject({ issuer, ...accepted })
    })

    it.each(refused)('is refused if $because', async ({ claims, error }) => {
      const token = mint(issuer, example, claims)
      await expect(validator.validate(token)).rejects.toMatchObject(error)
    })
  },
)

describe('Auth0', () => {
  const issuer = 'https://example.auth0.com/'
  const scopes = 'read:reports'
  const example = {
    header: { typ: 'JWT' },
    claims: { sub: 'auth0|1', aud: audience, azp: 'a-client', scope: scopes },
  }
  const createAuth0Validator = (options: Partial<ValidatorOptions> = {}, keys = publishedKeys) =>
    createValidator({ issuer: { issuer, jwks: keys }, audience, ...options } as ValidatorOptions)

  it.each([
    ['wrong_issuer', { iss: 'https://example.auth0.com' }],
    ['wrong_audience', { aud: 'https://other.example.com' }],
    ['expired', { exp: seconds() - 100 }],
  ])('A0-val-1 a token with one wrong claim is refused with 401 (%s)', async (reason, change) => {
    const { validate } = createAuth0Validator()
    const refused = { status: 401, reason }
    await expect(validate(mint(issuer, example, change))).rejects.toMatchObject(refused)
  })

  it('A0-val-3 a token without the scope is refused with 403, not 401', async () => {
    const { validate } = createAuth0Validator()
    const token = mint(issuer, example, { scope: 'openid' })
    await expect(validate(token, { scopes })).rejects.toMatchObject({ status: 403 })
  })

  it('A0-prof-a a token of the default profile is refused with the profile rfc9068', async () => {
    const { validate } = createAuth0Validator({ profile: 'rfc9068' })
    const refused = { reason: 'wrong_type', detail: { actual: 'JWT' } }
    await expect(validate(mint(issuer, example))).rejects.toMatchObject(refused)
  })

  it('A0-iss a token is refused if the issuer is configured without its slash', async () => {
    const configured = 'https://example.auth0.com'
    const { validate } = createAuth0Validator({
      issuer: { issuer: configured, jwks: publishedKeys },
    })
    const refused = { reason: 'wrong_issuer', detail: { expected: configured, actual: issuer } }
    await expect(validate(mint(issuer, example))).rejects.toMatchObject(refused)
  })

  it('A0-rotate a token that is signed with the next of the published keys is accepted', async () => {
    const { jwk: current } = makeKey('RS256', 'current')
    const { validate } = createAuth0Validator({}, { keys: [current, ...publishedKeys.keys] })
    expect(await validate(mint(issuer, example))).toMatchObject({ issuer })
  })

  it('A0-mcd each custom domain is an issuer of its own', async () => {
    const domains = [issuer, 'https://login.example.com/']
    const issuers = domains.map((name) => ({ issuer: name, jwks: publishedKeys }))
    const { validate } = createAuth0Validator({ issuer: issuers })
    for (const name of domains) {
      expect(await validate(mint(name, example))).toMatchObject({ issuer: name })
    }
    const other = mint('https://other.example.com/', example)
    await expect(validate(other)).rejects.toMatchObject({ reason: 'wrong_issuer' })
  })

  it('A0-agent the claim act is passed on and grants nothing', async () => {
    const { validate } = createAuth0Validator()
    const act = { sub: 'agent-1', scope: 'write:reports' }
    const token = mint(issuer, example, { act })
    expect((await validate(token, { scopes })).claims.act).toEqual(act)
    await expect(validate(token, { scopes: 'write:reports' })).rejects.toMatchObject({
      status: 403,
    })
  })
})

describe('an opaque access token', () => {
  it.each([
    ['ISS-google Google', 'https://accounts.google.com', 'ya29.a0AfB_byDx'],
    ['A0-opaque Auth0', 'https://example.auth0.com/', 'Z6X9pR3Q8mW1vK7dT5nJ2hL4'],
  ])('of %s is refused, and nothing is fetched', async (_, issuer, token) => {
    const fetch = () => expect.fail('a request was made')
    const validator = createValidator({ issuer, audience, fetch })
    await expect(validator.validate(token)).rejects.toMatchObject({ reason: 'malformed' })
  })
})

describe('introspection of an access token of Okta', () => {
  const issuer = 'https://example.okta.com/oauth2/default'
  const aud = 'api://default'
  const [sub, clientId] = ['joe.user@example.com', '0oaoesxtxmPf08QHk0h7']
  const token = mint(issuer, {
    header: {},
    claims: { aud, sub, cid: clientId, scp: ['openid', 'read:reports'], jti: 'AT.4' },
  })

  /** As in the metadata of Okta, and in the response that its documentation shows. */
  const documents = {
    [`${issuer}/.well-known/openid-configuration`]: {
      issuer,
      jwks_uri: `${issuer}/v1/keys`,
      introspection_endpoint: `${issuer}/v1/introspect`,
    },
    [`${issuer}/v1/keys`]: publishedKeys,
    [`${issuer}/v1/introspect`]: {
      active: true,
      scope: 'openid read:reports',
      username: sub,
      exp: seconds() + 300,
      iat: seconds(),
      sub,
      aud,
      iss: issuer,
      jti: 'AT.4',
      token_type: 'Bearer',
      client_id: clientId,
    },
  }

  it.each([
    ['all scopes with the default scopeClaim', undefined, ['openid', 'read:reports']],
    ['no scope with scopeClaim scp, which only the JWT has', 'scp', []],
  ])('finds %s', async (_, scopeClaim, scopes) => {
    const authentication = {
      method: 'client_secret_basic',
      clientId: 'api',
      clientSecret: 's',
    } as const
    const validator = createValidator({
      issuer: { issuer, introspection: { authentication, tokens: 'all' } },
      audience: aud,
      scopeClaim,
      fetch: serve(documents),
    })
    expect((await validator.validate(token)).scopes).toEqual(scopes)
  })
})
