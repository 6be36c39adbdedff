/**
 * @module A DPoP request with a token that is known: what proof and token cost together, in one process
 * for each contender. Proofs are ES256 and each is used once; they are made before a sample begins.
 *
 *   npm run build && node test/bench/dpop.js [--rounds 5] [--proofs 2000]
 *
 * Prints the median of each contender, and the median of the ratios within a round. Only ours remembers
 * the proofs that were used.
 */
import { spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { audience, createKey } from './tokens.js'

const origin = 'http://localhost'
const url = `${origin}/reports`
const inFlight = 64
const signBytes = promisify(sign)

/** @typedef {{ authorization: string, dpop: string }} Credentials */
/** @typedef {(credentials: Credentials) => Promise<unknown>} Verify */

/** @type {Record<string, (issuer: string) => Promise<Verify>>} */
const contenders = {
  async ours(issuer) {
    const { createValidator } = await import('../../dist/index.js')
    const options = { issuer, audience, algorithms: ['RS256'], publicUrl: origin, dpop: true }
    const validator = createValidator(/** @type {any} */ (options))
    return (headers) => validator.authenticate({ method: 'GET', url: '/reports', headers })
  },
  async oauth4webapi(issuer) {
    const oauth = await import('oauth4webapi')
    const insecure = { [oauth.allowInsecureRequests]: true }
    const response = await oauth.discoveryRequest(new URL(issuer), {
      algorithm: 'oauth2',
      ...insecure,
    })
    const server = await oauth.processDiscoveryResponse(new URL(issuer), response)
    const options = { signingAlgorithms: ['RS256', 'ES256'], requireDPoP: true, ...insecure }
    return ({ authorization, dpop }) => {
      const request = new Request(url, { headers: { authorization, dpop } })
      return oauth.validateJwtAccessToken(server, request, audience, options)
    }
  },
  async 'express-oauth2-jwt-bearer'(issuer) {
    const { auth } = await import('express-oauth2-jwt-bearer')
    const middleware = auth(
      /** @type {any} */ ({
        issuerBaseURL: issuer,
        audience,
        tokenSigningAlg: 'RS256',
        dpop: { enabled: true, required: true },
      }),
    )
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
        middleware(
          /** @type {any} */ (request),
          /** @type {any} */ ({ set() {} }),
          (/** @type {unknown} */ error) => (error ? reject(error) : resolve(undefined)),
        )
      })
  },
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    proofs: { type: 'string', default: '2000' },
    contender: { type: 'string' },
    issuer: { type: 'string' },
    key: { type: 'string' },
  },
})

if (values.contender === undefined) await compare()
else await serve(values.contender, String(values.issuer))

/** In the child: answers each message, a list of credentials, with the operations per second. */
async function serve(/** @type {string} */ name, /** @type {string} */ issuer) {
  const verify = await /** @type {(issuer: string) => Promise<Verify>} */ (contenders[name])(issuer)
  process.on('message', async (/** @type {Credentials[]} */ list) => {
    let position = 0
    const worker = async () => {
      while (position < list.length) await verify(/** @type {any} */ (list[position++]))
    }
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: inFlight }, worker))
    process.send?.((list.length / (performance.now() - startedAt)) * 1000)
  })
  process.send?.('ready')
}

async function compare() {
  const { issuer, makeCredentials, close } = await createClient()
  const names = Object.keys(contenders)
  const children = await Promise.all(names.map((name) => start(name, issuer)))
  /** @type {number[][]} */
  const samples = names.map(() => [])
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [index, child] of children.entries()) {
      child.send(await makeCredentials(Number(values.proofs)))
      const [perSecond] = await once(child, 'message')
      // The first round warms up.
      if (round > 0) samples[index]?.push(perSecond)
    }
  }
  for (const child of children) child.kill()
  close()
  const [ours = []] = samples
  for (const [index, name] of names.entries()) {
    const list = samples[index] ?? []
    const ratio = median(ours.map((value, round) => value / (list[round] ?? NaN)))
    console.log(
      '%s %d/s, ours ÷ it %s',
      name.padEnd(26),
      Math.round(median(list)),
      ratio.toFixed(2),
    )
  }
}

async function start(/** @type {string} */ name, /** @type {string} */ issuer) {
  const file = fileURLToPath(import.meta.url)
  const args = [file, '--contender', name, '--issuer', issuer]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

/** An issuer with one key, and a client with one token that is bound to a key of its own. */
async function createClient() {
  const issuerKey = createKey('RS256')
  const server = createServer((request, response) => {
    const isKeys = request.url === '/jwks'
    const body = isKeys ? { keys: [issuerKey.jwk] } : { issuer, jwks_uri: `${issuer}/jwks` }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`

  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const token = await signJws(
    { alg: 'RS256', typ: 'at+jwt', kid: issuerKey.jwk.kid },
    {
      iss: issuer,
      aud: audience,
      sub: 'robot',
      client_id: 'robot',
      jti: randomUUID(),
      iat,
      exp: iat + 3_600,
      cnf: { jkt },
    },
    issuerKey.privateKey,
  )
  const ath = createHash('sha256').update(token).digest('base64url')
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }

  /** @param {number} count @returns {Promise<Credentials[]>} */
  const makeCredentials = (count) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const now = Math.floor(Date.now() / 1000)
        const claims = { jti: randomUUID(), htm: 'GET', htu: url, iat: now, ath }
        return { authorization: `DPoP ${token}`, dpop: await signJws(header, claims, privateKey) }
      }),
    )
  return { issuer, makeCredentials, close: () => server.close() }
}

/**
 * @param {object} header
 * @param {object} claims
 * @param {import('node:crypto').KeyObject} key
 */
async function signJws(header, claims, key) {
  const encode = (/** @type {object} */ part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  const signature = await signBytes('sha256', Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
