/** @module An authorization server on loopback: its metadata, its key and its tokens. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { audience, createClaims, createKey, createSigner, createTokenSet } from './tokens.js'

/**
 * Starts the issuer of one algorithm, and writes the setup of the other processes to `file`.
 *
 * @param {import('./tokens.js').Algorithm} algorithm
 * @param {string} file
 * @param {string} [before] a folder with another build of this package
 */
export async function startIssuer(algorithm, file, before) {
  const key = createKey(algorithm)
  const server = createServer(async (request, response) => {
    const body =
      request.method === 'POST' ? introspect(await readText(request)) : documents[request.url ?? '']
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
  const tokens = await createTokenSet(createSigner(algorithm, key, issuer))
  const opaque = new Set(tokens.opaque)
  // RFC 7662 §2.2
  const introspect = (/** @type {string} */ form) =>
    opaque.has(new URLSearchParams(form).get('token') ?? '')
      ? { active: true, ...createClaims(issuer) }
      : { active: false }
  const content = {
    setup: {
      issuer,
      jwksUri,
      introspectionUri: `${issuer}/introspect`,
      audience,
      algorithm,
      before,
    },
    key: { jwk: key.jwk, privateJwk: key.privateKey.export({ format: 'jwk' }) },
    tokens,
  }
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 })
  return { file, server, tokens: content.tokens }
}
