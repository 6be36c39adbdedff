import { describe, expect, it } from 'vitest'
import { type IdentifiedResource, readResource } from '../../../src/options/resource.ts'
import {
  createResourceMetadata,
  type ResourceContext,
} from '../../../src/response/metadata-document.ts'

const identifier = 'https://rs.test/api'
const context: ResourceContext = { issuers: ['https://as.test/'], tokenLocations: ['header'] }

const create = (options: unknown = {}, changes: Partial<ResourceContext> = {}) =>
  createResourceMetadata(
    readResource(
      typeof options === 'object' && options !== null ? { identifier, ...options } : options,
    ) as IdentifiedResource,
    { ...context, ...changes },
  )
const documentOf = (options?: unknown, changes?: Partial<ResourceContext>) =>
  create(options, changes).document

describe('the metadata document', () => {
  it('contains only resource, authorization_servers and bearer_methods_supported by default', () => {
    expect(create(identifier)).toEqual({
      url: 'https://rs.test/.well-known/oauth-protected-resource/api',
      document: {
        resource: identifier,
        authorization_servers: ['https://as.test/'],
        bearer_methods_supported: ['header'],
      },
    })
    expect(create(identifier).maxAge).toBe(3600)
    expect(create()).toEqual(create(identifier))
  })

  it('contains every option', () => {
    const options = {
      scopes: 'read:a write:a read:a',
      name: 'My API',
      documentation: 'https://rs.test/docs',
      policyUri: 'https://rs.test/policy',
      tosUri: 'https://rs.test/tos',
      authorizationServers: ['https://other.test', 'https://as.test/'],
      metadata: { 'resource_name#it': 'La mia API', x: { y: [1] } },
      maxAge: 60,
    }
    expect(create(options).maxAge).toBe(60)
    expect(create(options)).toMatchObject({
      document: {
        resource: identifier,
        authorization_servers: ['https://other.test', 'https://as.test/'],
        scopes_supported: ['read:a', 'write:a'],
        resource_name: 'My API',
        'resource_name#it': 'La mia API',
        resource_documentation: 'https://rs.test/docs',
        resource_policy_uri: 'https://rs.test/policy',
        resource_tos_uri: 'https://rs.test/tos',
        x: { y: [1] },
      },
    })
  })

  it.each(['https://RS.test:443/A%2fb', 'https://rs.test/\u00e9', 'https://rs.test/e\u0301'])(
    '9728-2-a, 9728-str contains the identifier as it is: %s',
    (resource) => {
      expect(documentOf(resource).resource).toBe(resource)
    },
  )

  it('is deeply frozen, and a copy', () => {
    const list = ['a']
    const { document } = create({ metadata: { x: { list } } })
    list.push('b')
    expect(document).toMatchObject({ x: { list: ['a'] } })
    expect(document).toSatisfy(Object.isFrozen)
    expect(document.authorization_servers).toSatisfy(Object.isFrozen)
    expect(document.x).toSatisfy(Object.isFrozen)
    expect(create()).toSatisfy(Object.isFrozen)
    expect(context.issuers).not.toSatisfy(Object.isFrozen)
  })

  it.each([
    ['a number', 1, 'resource takes an object with identifier'],
    ['null', null, 'resource takes an object with identifier'],
    ['a misspelt name', { scope: 'a' }, 'resource has no option "scope"'],
    ['a wrong identifier', { identifier: 'rs.test' }, 'resource.identifier "rs.test" is not'],
    ['no identifier', { identifier: undefined }, 'resource.identifier undefined is not'],
    ['a string that is not a URL', 'rs.test', 'resource "rs.test" is not an absolute URL'],
    ['a malformed scope', { scopes: ['a b'] }, 'resource.scopes must be a scope or a list'],
    ['a number as scopes', { scopes: 1 }, 'resource.scopes must be a scope or a list'],
    ['an empty name', { name: '' }, 'resource.name must be a string that is not empty'],
    ['a number as name', { name: 1 }, 'resource.name must be a string'],
    ['a relative page', { documentation: '/docs' }, 'resource.documentation must be an http or'],
    [
      'a page of another scheme',
      { policyUri: 'javascript:x' },
      'resource.policyUri must be an http',
    ],
    [
      'a page that is not a URL',
      { tosUri: 'https://' },
      'resource.tosUri must be an http or https URL',
    ],
    [
      'an empty list of authorization servers',
      { authorizationServers: [] },
      'authorizationServers must not be empty',
    ],
    [
      'an authorization server that is http',
      { authorizationServers: 'http://as.test' },
      'resource.authorizationServers: "http://as.test" is an http URL',
    ],
    [
      'an authorization server with a query',
      { authorizationServers: 'https://as.test?a' },
      'resource.authorizationServers: "https://as.test?a" has a query',
    ],
    ['a fraction as age', { maxAge: 1.5 }, 'resource.maxAge must be a whole number of seconds'],
    ['a negative age', { maxAge: -1 }, 'resource.maxAge must be'],
    ['an age of more than a year', { maxAge: 31_536_001 }, 'resource.maxAge must be'],
    ['text as age', { maxAge: '60' }, 'resource.maxAge must be'],
    ['text as metadata', { metadata: 'x' }, 'resource.metadata must be an object'],
    ['a list as metadata', { metadata: [] }, 'resource.metadata must be an object'],
    ['metadata that is not JSON', { metadata: { x: 1n } }, 'resource.metadata must be JSON'],
  ])('is refused with %s', (_name, options, message) => {
    expect(() => create(options)).toThrow(TypeError)
    expect(() => create(options)).toThrow(message)
  })

  it('does not contain inherited options', () => {
    const options = Object.assign(Object.create({ name: 'inherited' }), { identifier })
    expect(
      createResourceMetadata(readResource(options) as IdentifiedResource, context).document,
    ).not.toHaveProperty('resource_name')
  })
})

describe('empty lists in the metadata document', () => {
  it('9728-3.2-b are omitted', () => {
    const options = { scopes: [], metadata: { x: [], authorization_details_types_supported: [] } }
    expect(Object.keys(documentOf(options))).toEqual([
      'resource',
      'bearer_methods_supported',
      'authorization_servers',
    ])
  })

  it('MCP-scope-e omits scopes_supported if offline_access is its only entry', () => {
    expect(documentOf({ scopes: ['offline_access'] })).not.toHaveProperty('scopes_supported')
    expect(documentOf({ scopes: 'a offline_access' }).scopes_supported).toEqual(['a'])
  })
})

describe('authorization_servers', () => {
  it('9728-2-b, MCP-prm-b contains the issuers, exactly', () => {
    const issuers = ['https://as.test/', 'https://as.test', 'http://keycloak:8080/realms/x']
    expect(documentOf({}, { issuers }).authorization_servers).toEqual(issuers)
  })

  it('must be set as an option where the issuer is a function', () => {
    const message = 'resource.authorizationServers is required where issuer is a function'
    expect(() => create({}, { issuers: undefined })).toThrow(new TypeError(message))
    const options = { authorizationServers: 'https://as.test' }
    const { authorization_servers } = documentOf(options, { issuers: undefined })
    expect(authorization_servers).toEqual(['https://as.test'])
  })

  it('must be set as an option where an issuer is not a URL', () => {
    expect(() => create({}, { issuers: ['my-issuer'] })).toThrow(
      'resource.authorizationServers is required, because the issuer "my-issuer" is not an absolute URL',
    )
  })
})

describe('bearer_methods_supported', () => {
  it.each([
    [['header'], ['header']],
    [
      ['query', 'header'],
      ['header', 'query'],
    ],
    [
      ['header', 'body', 'query'],
      ['header', 'body', 'query'],
    ],
    [[], ['header']],
  ] as const)('9728-2-d for the token locations %j is %j', (tokenLocations, expected) => {
    expect(documentOf({}, { tokenLocations }).bearer_methods_supported).toEqual(expected)
  })

  it('is an empty list where DPoP is required', () => {
    const dpop = { algorithms: ['ES256'], required: true }
    expect(documentOf({}, { dpop }).bearer_methods_supported).toEqual([])
  })
})

describe('the members about proofs of possession', () => {
  it('9728-2-g are absent where DPoP is off', () => {
    expect(documentOf()).not.toHaveProperty('dpop_signing_alg_values_supported')
    expect(documentOf()).not.toHaveProperty('dpop_bound_access_tokens_required')
  })

  it('9728-2-g contain the algorithms of DPoP, and whether it is required', () => {
    const dpop = { algorithms: ['ES256', 'PS256'], required: false }
    expect(documentOf({}, { dpop })).toMatchObject({
      dpop_signing_alg_values_supported: ['ES256', 'PS256'],
    })
    expect(documentOf({}, { dpop })).not.toHaveProperty('dpop_bound_access_tokens_required')
    expect(dpop.algorithms).not.toSatisfy(Object.isFrozen)
    const required = documentOf({}, { dpop: { ...dpop, required: true } })
    expect(required.dpop_bound_access_tokens_required).toBe(true)
  })

  it('9728-2-h contain client certificates where they are on', () => {
    const name = 'tls_client_certificate_bound_access_tokens'
    expect(documentOf({}, { mtls: true })[name]).toBe(true)
    expect(documentOf({}, { mtls: false })).not.toHaveProperty(name)
  })
})

describe('additional members', () => {
  const dpop = { algorithms: ['ES256'], required: true }

  it.each([
    ['resource', 'https://rs.test/other', {}],
    ['bearer_methods_supported', ['header', 'query'], {}],
    ['bearer_methods_supported', ['header'], { dpop }],
    ['dpop_signing_alg_values_supported', ['ES256'], {}],
    ['dpop_signing_alg_values_supported', ['PS256'], { dpop }],
    ['dpop_bound_access_tokens_required', true, {}],
    ['dpop_bound_access_tokens_required', false, { dpop }],
    ['tls_client_certificate_bound_access_tokens', true, {}],
    ['tls_client_certificate_bound_access_tokens', false, { mtls: true }],
  ])('must not contradict the other options: %s %j', (name, value, changes) => {
    expect(() => create({ metadata: { [name]: value } }, changes)).toThrow(
      `resource.metadata.${name} contradicts the other options: they require `,
    )
  })

  it('may repeat the other options', () => {
    const metadata = {
      resource: identifier,
      bearer_methods_supported: ['header'],
      dpop_bound_access_tokens_required: false,
      tls_client_certificate_bound_access_tokens: false,
      resource_name: 'My API',
    }
    expect(documentOf({ name: 'My API', metadata })).toEqual(documentOf({ name: 'My API' }))
  })

  it('must not contradict an option that has the same meaning', () => {
    expect(() => create({ name: 'A', metadata: { resource_name: 'B' } })).toThrow(
      new TypeError('resource.metadata.resource_name contradicts resource.name'),
    )
  })

  it('are checked like the option where only the member is set', () => {
    const metadata = { scopes_supported: ['a', 'offline_access'], resource_name: 'B' }
    expect(documentOf({ metadata })).toMatchObject({ scopes_supported: ['a'], resource_name: 'B' })
    expect(() => create({ metadata: { resource_name: 1 } })).toThrow(
      'resource.metadata.resource_name must be a string',
    )
    expect(() => create({ metadata: { authorization_servers: ['x'] } })).toThrow(
      new TypeError('resource.metadata.authorization_servers: "x" is not an absolute URL'),
    )
  })

  const jwt = (...parts: unknown[]) =>
    parts
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .concat('AAAA')
      .join('.')

  it('9728-2-h, 9728-2.2, 9728-unk are published if they are well-formed', () => {
    const metadata = {
      jwks_uri: 'https://rs.test/jwks',
      resource_signing_alg_values_supported: ['ES256'],
      authorization_details_types_supported: ['payment'],
      signed_metadata: jwt({ alg: 'ES256' }, { iss: 'https://rs.test' }),
      'resource_policy_uri#it': 'https://rs.test/it',
      extension: null,
    }
    expect(documentOf({ metadata })).toMatchObject(metadata)
  })

  it.each([
    ['9728-2-f', { resource_signing_alg_values_supported: ['ES256', 'none'] }, 'not contain none'],
    ['9728-2-f', { resource_signing_alg_values_supported: 'ES256' }, 'must be a list of strings'],
    ['9728-2-i', { jwks_uri: 'http://rs.test/jwks' }, 'jwks_uri must be an https URL'],
    ['9728-2-i', { jwks_uri: 1 }, 'jwks_uri must be an https URL'],
    ['9728-2-h', { authorization_details_types_supported: [''] }, 'must be a list of strings'],
    ['9728-2-h', { authorization_details_types_supported: [1] }, 'must be a list of strings'],
    ['9728-2.2', { signed_metadata: 'e30.AAAA.AAAA' }, 'with an object of claims'],
    ['9728-2.2', { signed_metadata: jwt({}, null) }, 'with an object of claims'],
    ['9728-2.2', { signed_metadata: jwt({}, {}) }, 'must have the claim iss'],
    ['9728-2.2', { signed_metadata: jwt({}, { iss: 'a', signed_metadata: 'b' }) }, 'not contain'],
  ])('%s are refused if they are malformed: %j', (_id, metadata, message) => {
    expect(() => create({ metadata })).toThrow(TypeError)
    expect(() => create({ metadata })).toThrow(message)
  })

  it.each([
    1,
    'a.b',
    `${jwt({}, {})}.AAAA`,
    'e30..AAAA',
    jwt({}, { iss: 'a' }).replace(/AAAA$/, ''),
    jwt({}, { iss: 'a' }).replace(/AAAA$/, '%%'),
    `%%${jwt({}, { iss: 'a' })}`,
  ])('9728-2.2 are refused if signed_metadata is %j', (signed_metadata) => {
    expect(() => create({ metadata: { signed_metadata } })).toThrow(
      new TypeError('resource.metadata.signed_metadata must be a signed JWT'),
    )
  })

  it('are refused with the cause if they are not JSON', () => {
    const cause = new Error('no JSON')
    const toJSON = () => {
      throw cause
    }
    expect(() => create({ metadata: { toJSON } })).toThrow(
      expect.objectContaining({ message: 'resource.metadata must be JSON', cause }),
    )
  })

  it.each(['resource_documentation', 'resource_policy_uri', 'resource_tos_uri'])(
    'are checked like the option: %s',
    (name) => {
      for (const url of ['/docs', 'https://', 'ftp://rs.test/', 'x:https://rs.test/']) {
        expect(() => create({ metadata: { [name]: url } })).toThrow(
          new TypeError(`resource.metadata.${name} must be an http or https URL`),
        )
      }
      for (const url of ['http://rs.test/docs', 'HTTPS://rs.test/docs']) {
        expect(documentOf({ metadata: { [name]: url } })).toMatchObject({ [name]: url })
      }
    },
  )

  it('may say what is true of this API: no DPoP', () => {
    const metadata = { dpop_signing_alg_values_supported: [] }
    expect(() => create({ metadata })).not.toThrow()
  })

  it('cannot replace the prototype of the document', () => {
    const document = documentOf({ metadata: JSON.parse('{"__proto__":{"resource":"evil"}}') })
    expect(Object.getPrototypeOf(document)).toBe(Object.prototype)
    expect(document.resource).toBe(identifier)
  })
})

describe('limits of the options', () => {
  it('accepts a maxAge of a year, and not more', () => {
    expect(create({ maxAge: 31_536_000 }).maxAge).toBe(31_536_000)
    for (const maxAge of [31_536_001, -1, 1.5, '60']) {
      expect(() => create({ maxAge })).toThrow(
        'resource.maxAge must be a whole number of seconds between 0 and 31536000',
      )
    }
  })

  it('accepts an authorization server over http only if it is an issuer of the validator', () => {
    const authorizationServers = ['http://as.test']
    expect(() => create({ authorizationServers }, { issuers: authorizationServers })).not.toThrow()
    expect(() => create({ authorizationServers }, { issuers: undefined })).toThrow(
      'resource.authorizationServers: "http://as.test" is an http URL beyond loopback',
    )
    expect(() => create({ authorizationServers: [''] })).toThrow(
      new TypeError('resource.authorizationServers must be issuer identifiers'),
    )
  })
})
