/** @module The endpoints of a test issuer and their paths. */
import { createAuthorizationCodes } from './authorization-codes.ts'
import { createAuthorizationEndpoint } from './authorization-endpoint.ts'
import type { TestClock } from './clock.ts'
import type { SimulatedFault } from './faults.ts'
import { createIntrospectionEndpoint, type TestIntrospection } from './introspection-endpoint.ts'
import type { LoopbackServer } from './loopback-server.ts'
import { createMetadata } from './metadata.ts'
import type { Settings } from './options.ts'
import {
  createDocumentEndpoint,
  createRequestListener,
  type Endpoint,
  type RequestCounts,
} from './request-listener.ts'
import { createTokenEndpoint } from './token-endpoint.ts'
import type { TokenFactory } from './tokens.ts'

/** The URLs of the endpoints, or the paths of these. */
interface EndpointLocations {
  readonly jwksUri: string
  readonly tokenEndpoint: string
  readonly authorizationEndpoint: string
  readonly introspectionEndpoint: string
}

export interface EndpointsOptions {
  readonly issuer: string
  readonly settings: Settings
  readonly tokenFactory: TokenFactory
  readonly clock: TestClock
  /** Returns how the metadata and JWKS endpoints fail now; `undefined` if they do not. */
  readonly currentFault: () => SimulatedFault | undefined
}

export interface ServedEndpoints {
  readonly locations: EndpointLocations
  readonly introspection: TestIntrospection
  readonly requests: RequestCounts
}

/** Creates the endpoints of a test issuer and passes them the requests of the server. */
export function serveEndpoints(server: LoopbackServer, options: EndpointsOptions): ServedEndpoints {
  const { issuer, settings, tokenFactory } = options
  // RFC 8414 §3.1: a terminating slash is removed before the well-known path is inserted.
  const basePath = settings.path.replace(/\/$/, '')
  const locations = locateEndpoints(`${server.origin}${basePath}`)
  const { clients, tokenPrefix } = settings
  const introspection = createIntrospectionEndpoint({ issuer, clients, tokenFactory, tokenPrefix })
  const endpoints = new Map([
    ...createDocumentEndpoints(basePath, locations, options),
    ...createGrantEndpoints(basePath, locations, options),
    [locateEndpoints(basePath).introspectionEndpoint, introspection.endpoint],
  ])
  const requests: RequestCounts = {
    metadata: 0,
    jwks: 0,
    authorization: 0,
    token: 0,
    introspection: 0,
  }
  server.serve(createRequestListener(endpoints, requests))
  return { locations, introspection, requests }
}

/** @param base The issuer identifier without its terminating slash, or the path of that. */
function locateEndpoints(base: string): EndpointLocations {
  return {
    jwksUri: `${base}/jwks`,
    tokenEndpoint: `${base}/token`,
    authorizationEndpoint: `${base}/authorize`,
    introspectionEndpoint: `${base}/introspect`,
  }
}

type EndpointByPath = readonly [path: string, endpoint: Endpoint]

function createDocumentEndpoints(
  basePath: string,
  locations: EndpointLocations,
  { issuer, settings, tokenFactory, currentFault }: EndpointsOptions,
): readonly EndpointByPath[] {
  const metadata = createDocumentEndpoint({
    counter: 'metadata',
    contentType: 'application/json',
    read: () => createMetadata({ issuer, algorithm: settings.algorithm, ...locations }),
    fault: currentFault,
  })
  const jwks = createDocumentEndpoint({
    counter: 'jwks',
    contentType: 'application/jwk-set+json',
    read: tokenFactory.keys.jwks,
    fault: currentFault,
  })
  return [
    [`/.well-known/oauth-authorization-server${basePath}`, metadata],
    [`/.well-known/openid-configuration${basePath}`, metadata],
    [`${basePath}/.well-known/openid-configuration`, metadata],
    [locateEndpoints(basePath).jwksUri, jwks],
  ]
}

function createGrantEndpoints(
  basePath: string,
  locations: EndpointLocations,
  { issuer, settings, tokenFactory, clock }: EndpointsOptions,
): readonly EndpointByPath[] {
  const { clients, audience } = settings
  const { authorizationEndpoint, tokenEndpoint } = locateEndpoints(basePath)
  const codes = createAuthorizationCodes(clock)
  return [
    [authorizationEndpoint, createAuthorizationEndpoint({ issuer, clients, codes, audience })],
    [
      tokenEndpoint,
      createTokenEndpoint({ url: locations.tokenEndpoint, clients, tokenFactory, codes }),
    ],
  ]
}
