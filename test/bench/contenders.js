/**
 * @module One entry per library: how its documentation says to verify an access token, with the same
 * checks for all (signature by the one algorithm, issuer, audience, expiry). A library is imported
 * only when it is asked for, so that a process holds no other.
 */

/**
 * @typedef {object} Setup
 * @property {string} issuer
 * @property {string} jwksUri
 * @property {string} audience
 * @property {import('./tokens.js').Algorithm} algorithm
 */
/**
 * @typedef {object} Contender
 * @property {string} label
 * @property {readonly string[]} packages what has to be installed and imported
 * @property {readonly string[]} lacks algorithms that it does not verify
 * @property {'token' | 'header'} takes what `verify` is given: the token, or the whole `Authorization` header
 * @property {(setup: Setup) => Promise<(input: string) => Promise<unknown>>} createVerify resolves for a good token, rejects for any other
 * @property {(setup: Setup) => Promise<any>} [express] its own middleware
 * @property {(setup: Setup) => Promise<any>} [koa] its own middleware
 * @property {(setup: Setup) => Promise<any>} [http] its own `(req, res)`, resolving to a token or undefined
 */

/** @type {Contender} */
const ours = {
  label: '**oauth-resource-server**',
  packages: [],
  lacks: [],
  takes: 'token',
  async createVerify(setup) {
    const { createValidator } = await import('../../dist/index.js')
    const validator = createValidator(ourOptions(setup))
    return (token) => validator.validate(token)
  },
  async express(setup) {
    const { authenticate } = await import('../../dist/adapters/express.js')
    return authenticate(ourOptions(setup))
  },
  async koa(setup) {
    const { authenticate } = await import('../../dist/adapters/koa.js')
    return authenticate(ourOptions(setup))
  },
  async http(setup) {
    const { authenticate } = await import('../../dist/adapters/http.js')
    return authenticate(ourOptions(setup))
  },
}

/** @param {Setup} setup */
const ourOptions = ({ issuer, audience, algorithm }) => ({
  issuer,
  audience,
  algorithms: [algorithm],
})

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
    // Its own fetcher speaks https only. The algorithm is enforced by `alg` in the key set.
    const fetcher = { fetch: async (/** @type {string} */ uri) => (await fetch(uri)).arrayBuffer() }
    const verifier = JwtVerifier.create(
      { issuer, audience, jwksUri },
      { jwksCache: new SimpleJwksCache({ fetcher }) },
    )
    return (token) => verifier.verify(token)
  },
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
    // Without its rate limit, under which made-up kids in parallel wait for minutes.
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

/** The measuring itself: what a call costs that does nothing. @type {Contender} */
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
  if (contender === undefined) throw new Error(`no contender is called ${name}`)
  return contender
}
