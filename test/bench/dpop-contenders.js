/**
 * @module The libraries that check a token and its DPoP proof, set up with the same checks. Only ours
 * remembers the proofs that were used.
 */
import { origin, url } from './dpop-client.js'
import { importBefore, importOurs } from './ours.js'

/** @typedef {import('./contenders.js').Setup} Setup */
/** @typedef {import('./dpop-client.js').Credentials} Credentials */
/** @typedef {(credentials: Credentials) => Promise<unknown>} Verify resolves for valid credentials, rejects for any other */

/** @param {import('./ours.js').ImportBuilt} importBuilt @returns {(setup: Setup) => Promise<Verify>} */
const createOurs = (importBuilt) => async (setup) => {
  const { issuer, audience, algorithm } = setup
  const { createValidator } = await importBuilt(setup, 'index.js')
  const options = { issuer, audience, algorithms: [algorithm], publicUrl: origin, dpop: true }
  const validator = createValidator(options)
  return (headers) => validator.authenticate({ method: 'GET', url: '/reports', headers })
}

/** @param {Setup} setup @returns {Promise<Verify>} */
async function oauth4webapi({ issuer, audience, algorithm }) {
  const oauth = await import('oauth4webapi')
  const insecure = { [oauth.allowInsecureRequests]: true }
  const location = new URL(issuer)
  const response = await oauth.discoveryRequest(location, { algorithm: 'oauth2', ...insecure })
  const server = await oauth.processDiscoveryResponse(location, response)
  const options = { signingAlgorithms: [algorithm, 'ES256'], requireDPoP: true, ...insecure }
  return ({ authorization, dpop }) => {
    const request = new Request(url, { headers: { authorization, dpop } })
    return oauth.validateJwtAccessToken(server, request, audience, options)
  }
}

/** @param {Setup} setup @returns {Promise<Verify>} */
async function expressOauth2JwtBearer({ issuer, audience, algorithm }) {
  const { auth } = await import('express-oauth2-jwt-bearer')
  const options = {
    issuerBaseURL: issuer,
    audience,
    tokenSigningAlg: algorithm,
    dpop: { enabled: true, required: true },
  }
  const middleware = auth(/** @type {any} */ (options))
  return (credentials) =>
    new Promise((resolve, reject) => {
      const request = {
        method: 'GET',
        url: '/reports',
        originalUrl: '/reports',
        protocol: 'http',
        headers: { host: 'localhost', ...credentials },
        query: {},
        is: () => false,
        get: () => 'localhost',
      }
      const next = (/** @type {unknown} */ error) => (error ? reject(error) : resolve(undefined))
      middleware(/** @type {any} */ (request), /** @type {any} */ ({ set() {} }), next)
    })
}

/** @type {Readonly<Record<string, (setup: Setup) => Promise<Verify>>>} */
export const dpopContenders = {
  ours: createOurs(importOurs),
  before: createOurs(importBefore),
  oauth4webapi,
  'express-oauth2-jwt-bearer': expressOauth2JwtBearer,
}
