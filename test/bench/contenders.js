/**
 * @module One entry per library: the verification of an access token as its documentation recommends, with
 * the same checks for all (signature with one algorithm, issuer, audience, expiry). A library is imported
 * only when it is used, so that a process loads no other.
 */
import { before, ours, oursOpaque } from './ours.js'
import { requiredScope } from './tokens.js'

/**
 * @typedef {object} Setup
 * @property {string} issuer
 * @property {string} jwksUri
 * @property {string} introspectionUri
 * @property {string} audience
 * @property {import('./tokens.js').Algorithm} algorithm
 * @property {string} [before] a folder with another build of this package
 */
/**
 * @typedef {object} Contender
 * @property {string} label
 * @property {readonly string[]} packages the packages to install and import
 * @property {readonly string[]} lacks algorithms that it does not verify
 * @property {'token' | 'header'} takes the argument of `verify`: the token, or the whole `Authorization` header
 * @property {(setup: Setup) => Promise<(input: string) => Promise<unknown>>} createVerify resolves for a valid token, rejects for any other
 * @property {(setup: Setup) => Promise<any>} [express] its own middleware
 * @property {(setup: Setup) => Promise<any>} [koa] its own middleware
 * @property {(setup: Setup) => Promise<any>} [http] its own `(req, res)`, resolving to a token or undefined
 * @property {(setup: Setup, framework: string) => Promise<any>} [authorize] its own check of a scope
 * @property {(verified: any) => unknown} [scopeOf] the claim `scope` in the result of `verify`, for a contender without a check of scopes
 * @property {boolean} [opaque] it verifies opaque tokens in place of those of machine clients
 */

/** @type {Contender} */
const jose = {
  label: 'jose',
  packages: ['jose'],
  lacks: [],
  takes: 'token',
  async createVerify({ issuer, jwksUri, audience, algorithm }) {
    const { createRemoteJWKSet, jwtVerify } = await import('jose')
    const keys = createRemoteJWKSet(new URL(jwksUri))
    const options = { issuer, audience, algorithms: [algorithm], requiredClaims: ['exp'] }
    return (token) => jwtVerify(token, keys, options)
  },
  scopeOf: ({ payload }) => payload.scope,
}

/** @type {Contender} */
const awsJwtVerify = {
  label: 'aws-jwt-verify',
  packages: ['aws-jwt-verify'],
  lacks: [],
  takes: 'token',
  async createVerify({ issuer, jwksUri, audience }) {
    const { JwtVerifier } = await import('aws-jwt-verify')
    const { SimpleJwksCache } = await import('aws-jwt-verify/jwk')
    // Its own fetcher supports only https. The algorithm is enforced by `alg` in the key set.
    const fetcher = { fetch: async (/** @type {string} */ uri) => (await fetch(uri)).arrayBuffer() }
    const verifier = JwtVerifier.create(
      { issuer, audience, jwksUri },
      { jwksCache: new SimpleJwksCache({ fetcher }) },
    )
    return (token) => verifier.verify(token)
  },
  scopeOf: ({ scope }) => scope,
}

/** @type {Contender} */
const oauth4webapi = {
  label: 'oauth4webapi',
  packages: ['oauth4webapi'],
  lacks: [],
  takes: 'header',
  async createVerify({ issuer, audience, algorithm }) {
    const oauth = await import('oauth4webapi')
    const url = new URL(issuer)
    const insecure = { [oauth.allowInsecureRequests]: true }
    const response = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure })
    const server = await oauth.processDiscoveryResponse(url, response)
    const options = { signingAlgorithms: [algorithm], ...insecure }
    return (authorization) => {
      const request = new Request('http://localhost/reports', { headers: { authorization } })
      return oauth.validateJwtAccessToken(server, request, audience, options)
    }
  },
}

/** @param {{ cache: boolean }} options @returns {Contender} */
const fastJwt = ({ cache }) => ({
  label: cache ? 'fast-jwt + get-jwks, cache on' : 'fast-jwt + get-jwks',
  packages: ['fast-jwt', 'get-jwks'],
  lacks: ['EdDSA'],
  takes: 'token',
  async createVerify({ issuer, audience, algorithm }) {
    const { createVerifier } = await import('fast-jwt')
    const { default: buildGetJwks } = await import('get-jwks')
    const getJwks = buildGetJwks({ issuersWhitelist: [issuer], providerDiscovery: true })
    return createVerifier({
      key: (/** @type {{ header: Record<string, any> }} */ { header }) =>
        getJwks.getPublicKey({ kid: header.kid, alg: header.alg, domain: issuer }),
      algorithms: [algorithm],
      allowedIss: issuer,
      allowedAud: audience,
      requiredClaims: ['iss', 'aud', 'exp'],
      cache,
    })
  },
  scopeOf: ({ scope }) => scope,
})

/** @type {Contender} */
const expressOauth2JwtBearer = {
  label: 'express-oauth2-jwt-bearer',
  packages: ['express-oauth2-jwt-bearer'],
  lacks: [],
  takes: 'header',
  async express({ issuer, audience, algorithm }) {
    const { auth } = await import('express-oauth2-jwt-bearer')
    return auth({ issuerBaseURL: issuer, audience, tokenSigningAlg: algorithm })
  },
  async authorize() {
    const { requiredScopes } = await import('express-oauth2-jwt-bearer')
    return requiredScopes(requiredScope)
  },
  async createVerify(setup) {
    return throughExpress(await this.express?.(setup))
  },
}

/** @type {Contender} */
const expressJwt = {
  label: 'express-jwt + jwks-rsa',
  packages: ['express-jwt', 'jwks-rsa'],
  lacks: ['EdDSA'],
  takes: 'header',
  async express({ issuer, jwksUri, audience, algorithm }) {
    const { expressjwt } = await import('express-jwt')
    const { default: jwksRsa } = await import('jwks-rsa')
    // Without its rate limit, with which parallel requests with made-up kids wait for minutes.
    const secret = jwksRsa.expressJwtSecret({ jwksUri, cache: true })
    const algorithms = [/** @type {'RS256' | 'ES256'} */ (algorithm)]
    return expressjwt({ secret, issuer, audience, algorithms })
  },
  async createVerify(setup) {
    return throughExpress(await this.express?.(setup))
  },
}

/** @type {Contender} */
const koaJwt = {
  label: 'koa-jwt + jwks-rsa',
  packages: ['koa-jwt', 'jwks-rsa'],
  lacks: ['EdDSA'],
  takes: 'header',
  async koa({ issuer, jwksUri, audience, algorithm }) {
    const { default: jwt } = await import('koa-jwt')
    const { default: jwksRsa } = await import('jwks-rsa')
    const secret = jwksRsa.koaJwtSecret({
      jwksUri,
      cache: true,
      cacheMaxEntries: 5,
      cacheMaxAge: 10 * 60 * 60 * 1000,
    })
    return jwt({ secret, issuer, audience, algorithms: [algorithm] })
  },
  async createVerify(setup) {
    const { default: Koa } = await import('koa')
    const { context } = new Koa()
    const middleware = await this.koa?.(setup)
    const next = async () => {}
    return (authorization) => {
      const request = { header: { authorization } }
      return middleware(Object.assign(Object.create(context), { request, state: {} }), next)
    }
  },
}

/**
 * Calls Express middleware without Express.
 *
 * @param {(request: object, response: object, next: (error?: unknown) => void) => void} middleware
 * @returns {(authorization: string) => Promise<void>}
 */
const throughExpress = (middleware) => (authorization) =>
  new Promise((resolve, reject) => {
    const request = {
      method: 'GET',
      url: '/reports',
      protocol: 'http',
      headers: { host: 'localhost', authorization },
      query: {},
      is: () => false,
      get: () => 'localhost',
    }
    middleware(request, {}, (error) => (error ? reject(error) : resolve()))
  })

/** The overhead of the measurement: a call without work. @type {Contender} */
const nothing = {
  label: '(an empty function)',
  packages: [],
  lacks: [],
  takes: 'token',
  createVerify: async () => async () => {},
}

/** @type {Readonly<Record<string, Contender>>} */
export const contenders = {
  nothing,
  ours,
  before,
  'ours-opaque': oursOpaque,
  jose,
  'aws-jwt-verify': awsJwtVerify,
  oauth4webapi,
  'fast-jwt': fastJwt({ cache: false }),
  'fast-jwt-cache': fastJwt({ cache: true }),
  'express-oauth2-jwt-bearer': expressOauth2JwtBearer,
  'express-jwt': expressJwt,
  'koa-jwt': koaJwt,
}

/** @param {string} name */
export function contenderOf(name) {
  const contender = contenders[name]
  if (contender === undefined) throw new Error(`there is no contender ${name}`)
  return contender
}
