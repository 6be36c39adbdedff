/**
 * @module The access tokens for every contender: keys, valid and invalid tokens, and the order in which
 * machine clients send theirs. Imports no library.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'

/** @typedef {'RS256' | 'ES256' | 'EdDSA'} Algorithm */
/**
 * @typedef {object} TokenSet
 * @property {string[]} cold distinct valid tokens
 * @property {string[]} m2m the tokens of 1,000 machine clients, in the order of their popularity
 * @property {string[]} opaque as many tokens that only the introspection endpoint understands
 * @property {string} spare another valid token, for the first call of every verifier
 * @property {Record<RefusalName, string[]>} refusals
 * @property {string[]} foreign tokens of another issuer, and for another audience
 * @property {string} withoutScope a valid token without the claim `scope`
 */
/** @typedef {'badSignature' | 'expired' | 'unknownKid' | 'garbage'} RefusalName */

export const audience = 'https://api.example.com/reports'
/** The scope that the authorize workload requires; every valid token has it. */
export const requiredScope = 'read:reports'
const coldTokens = 6000
const clients = 1000
const refusedTokens = 500

const signBytes = promisify(sign)
const encode = (/** @type {unknown} */ value) =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * Creates a key of the algorithm and its public JWK.
 *
 * @param {Algorithm} algorithm
 */
export function createKey(algorithm) {
  const { privateKey, publicKey } = generateKeyPair(algorithm)
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  return { privateKey, jwk: { ...jwk, kid, alg: algorithm, use: 'sig' } }
}

/** @param {Algorithm} algorithm */
function generateKeyPair(algorithm) {
  switch (algorithm) {
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
  }
}

/** The claims of a valid access token. @param {string} issuer */
export function createClaims(issuer) {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    sub: 'service-account-reports',
    aud: audience,
    client_id: 'service-account-reports',
    scope: 'read:reports write:reports',
    iat: now,
    exp: now + 3600,
    jti: randomBytes(12).toString('base64url'),
    tenant: 'example',
  }
}

/**
 * Signs access tokens of the RFC 9068 profile. They have about 790 bytes with RS256.
 *
 * @param {Algorithm} algorithm
 * @param {ReturnType<typeof createKey>} key
 * @param {string} issuer
 */
export function createSigner(algorithm, { privateKey, jwk }, issuer) {
  const header = encode({ alg: algorithm, typ: 'at+jwt', kid: jwk.kid })
  const hash = algorithm === 'EdDSA' ? null : 'sha256'
  /**
   * @param {object} [changes] claims that differ
   * @returns {Promise<string>}
   */
  return async (changes) => {
    const input = `${header}.${encode({ ...createClaims(issuer), ...changes })}`
    const signature = await signBytes(hash, Buffer.from(input), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${input}.${signature.toString('base64url')}`
  }
}

/**
 * @param {ReturnType<typeof createSigner>} signToken
 * @returns {Promise<TokenSet>}
 */
export async function createTokenSet(signToken) {
  const many = (/** @type {number} */ count, /** @type {object} */ changes = {}) =>
    Promise.all(Array.from({ length: count }, () => signToken(changes)))
  const m2m = await many(clients)
  const some = m2m.slice(0, refusedTokens)
  return {
    cold: await many(coldTokens),
    m2m,
    opaque: m2m.map(() => randomBytes(32).toString('base64url')),
    spare: await signToken(),
    withoutScope: await signToken({ scope: undefined }),
    refusals: {
      badSignature: some.map(withBadSignature),
      expired: await many(refusedTokens, { exp: Math.floor(Date.now() / 1000) - 600 }),
      unknownKid: some.map(withUnknownKid),
      garbage: some.map(garbage),
    },
    foreign: [
      await signToken({ iss: 'https://elsewhere.example.com' }),
      await signToken({ aud: 'https://elsewhere.example.com' }),
    ],
  }
}

/** @param {string} token */
function withBadSignature(token) {
  const position = token.lastIndexOf('.') + 20
  const other = token[position] === 'A' ? 'B' : 'A'
  return token.slice(0, position) + other + token.slice(position + 1)
}

/** @param {string} token */
function withUnknownKid(token) {
  const [header = '', ...rest] = token.split('.')
  const fields = JSON.parse(Buffer.from(header, 'base64url').toString())
  return [encode({ ...fields, kid: randomBytes(32).toString('base64url') }), ...rest].join('.')
}

/** Noise of the length of the token, alternately without and with the dots of a JWS. @param {string} token @param {number} index */
function garbage(token, index) {
  const noise = randomBytes(token.length).toString('base64url').slice(0, token.length)
  return index % 2 === 0
    ? noise
    : `${noise.slice(0, 90)}.${noise.slice(90, 440)}.${noise.slice(440)}`
}

/**
 * Draws from `count` items with Zipf's distribution (s = 1). The sequence is always the same.
 *
 * @param {number} count
 * @param {number} length a power of two
 */
export function zipf(count, length) {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    cumulated[rank] = sum
  }
  let seed = 1
  return Uint16Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const drawn = (seed / 2 ** 32) * sum
    return cumulated.findIndex((limit) => limit > drawn)
  })
}
