/**
 * @module The libraries of the README's comparison, each with its default options. A library with Express
 * middleware runs in an Express server on loopback, the others are called.
 */
import { once } from 'node:events'
import { importOurs } from './ours.js'

/** @typedef {import('../../dist/testing/index.js').TestIssuer} TestIssuer */
/** @typedef {{ authorization?: string, dpop?: string, certificate?: string }} RequestHeaders `certificate`: that of the client, DER in base64 */
/**
 * @typedef {object} Setup
 * @property {TestIssuer} issuer
 * @property {boolean} [optional] requests without a token pass
 * @property {boolean} [bound] tokens may be bound to a key: by DPoP, with nonces if the library has them, or by mutual TLS
 */
/**
 * @typedef {object} Reply
 * @property {boolean} accepted the token was accepted
 * @property {number} [status] none if the library has no middleware
 * @property {boolean} [anonymous] the request was served without a token
 * @property {string | null} [challenge]
 * @property {string | null} [nonce]
 */
/**
 * @typedef {object} Api
 * @property {string} url
 * @property {(headers: RequestHeaders) => Promise<Reply>} send
 * @property {() => void} close
 */

/** The client's certificate, as a proxy passes it on. @param {any} request */
const readCertificate = ({ headers: { certificate } }) =>
  certificate === undefined ? undefined : Buffer.from(certificate, 'base64')

/** @param {Setup} setup @param {string} publicUrl */
async function ours({ issuer: { issuer, audience }, optional = false, bound }, publicUrl) {
  const { authenticate } = await importOurs(/** @type {any} */ ({}), 'adapters/express.js')
  const bindings = {
    publicUrl,
    dpop: { nonce: { secret: Buffer.alloc(32, 1) } },
    mtls: { certificate: readCertificate },
  }
  return authenticate({ issuer, audience, ...(bound && bindings) }, { optional })
}

/** @param {Setup} setup */
async function expressOauth2JwtBearer({ issuer: { issuer, audience }, optional, bound }) {
  const { auth } = await import('express-oauth2-jwt-bearer')
  return auth({
    issuerBaseURL: issuer,
    audience,
    authRequired: !optional,
    ...(bound && { getCertificate: readCertificate }),
  })
}

/** @param {Setup} setup */
async function expressJwt({ issuer: { issuer, audience, jwksUri }, optional }) {
  const { expressjwt } = await import('express-jwt')
  const { default: jwksRsa } = await import('jwks-rsa')
  return expressjwt({
    secret: jwksRsa.expressJwtSecret({ jwksUri }),
    issuer,
    audience,
    algorithms: ['ES256'],
    credentialsRequired: !optional,
  })
}

/** @param {Setup} setup */
async function jose({ issuer: { issuer, audience, jwksUri } }) {
  const { createRemoteJWKSet, jwtVerify } = await import('jose')
  const keys = createRemoteJWKSet(new URL(jwksUri))
  return (/** @type {string} */ token) => jwtVerify(token, keys, { issuer, audience })
}

/** @param {Setup} setup */
async function awsJwtVerify({ issuer: { issuer, audience, jwksUri } }) {
  const { JwtVerifier } = await import('aws-jwt-verify')
  const { SimpleJwksCache } = await import('aws-jwt-verify/jwk')
  // Its own fetcher supports only https.
  const fetcher = {
    async fetch(/** @type {string} */ uri) {
      const response = await fetch(uri)
      if (!response.ok) throw new Error(`status ${response.status}`)
      return response.arrayBuffer()
    },
  }
  const jwksCache = new SimpleJwksCache({ fetcher })
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache })
  return (/** @type {string} */ token) => verifier.verify(token)
}

/**
 * Starts an Express server with the middleware.
 *
 * @param {Setup} setup
 * @param {(setup: Setup, origin: string) => Promise<any>} createMiddleware
 * @returns {Promise<Api>}
 */
async function serve(setup, createMiddleware) {
  const { default: express } = await import('express')
  const app = express()
  // The error handler of Express does not write stack traces in this environment.
  app.set('env', 'test')
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://127.0.0.1:${port}`
  app.use(await createMiddleware(setup, origin))
  app.get('/reports', (request, response) => {
    response.json({ anonymous: /** @type {any} */ (request).auth === undefined })
  })
  const url = `${origin}/reports`
  return {
    url,
    async send(headers) {
      const response = await fetch(url, { headers })
      const text = await response.text()
      const anonymous = response.ok && JSON.parse(text).anonymous
      return {
        accepted: response.ok && !anonymous,
        status: response.status,
        anonymous,
        challenge: response.headers.get('www-authenticate'),
        nonce: response.headers.get('dpop-nonce'),
      }
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/**
 * Passes the token of each request to a library without middleware.
 *
 * @param {Setup} setup
 * @param {(setup: Setup) => Promise<(token: string) => Promise<unknown>>} createVerify
 * @returns {Promise<Api>}
 */
async function call(setup, createVerify) {
  const verify = await createVerify(setup)
  return {
    url: 'http://127.0.0.1/reports',
    send: ({ authorization = '' }) =>
      verify(authorization.slice('Bearer '.length)).then(
        () => ({ accepted: true }),
        () => ({ accepted: false }),
      ),
    close() {},
  }
}

/** By the packages that the README names, without their versions. @type {Readonly<Record<string, (setup: Setup) => Promise<Api>>>} */
export const contenders = {
  'this package': (setup) => serve(setup, ours),
  'express-oauth2-jwt-bearer': (setup) => serve(setup, expressOauth2JwtBearer),
  'express-jwt + jwks-rsa': (setup) => serve(setup, expressJwt),
  jose: (setup) => call(setup, jose),
  'aws-jwt-verify': (setup) => call(setup, awsJwtVerify),
}
