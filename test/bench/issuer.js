/** @module An authorization server on loopback: its metadata, its key and its tokens. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { audience, createKey, createSigner, createTokenSet } from './tokens.js'

/**
 * Starts the issuer of one algorithm, and writes the setup of the other processes to `file`.
 *
 * @param {import('./tokens.js').Algorithm} algorithm
 * @param {string} file
 * @param {string} [before] a folder with another build of this package
 */
export async function startIssuer(algorithm, file, before) {
  const key = createKey(algorithm)
  const server = createServer((request, response) => {
    const body = documents[request.url ?? '']
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const issuer = `http://127.0.0.1:${port}`
  const jwksUri = `${issuer}/jwks`
  const metadata = { issuer, jwks_uri: jwksUri }
  /** @type {Record<string, object>} */
  const documents = {
    '/.well-known/oauth-authorization-server': metadata,
    '/.well-known/openid-configuration': metadata,
    '/jwks': { keys: [key.jwk] },
  }
  const content = {
    setup: { issuer, jwksUri, audience, algorithm, before },
    key: { jwk: key.jwk, privateJwk: key.privateKey.export({ format: 'jwk' }) },
    tokens: await createTokenSet(createSigner(algorithm, key, issuer)),
  }
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 })
  return { file, server, tokens: content.tokens }
}
