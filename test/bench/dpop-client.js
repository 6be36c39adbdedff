/** @module A client with one token that is bound to its key: it makes a proof for each request. */
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { createSigner } from './tokens.js'

export const origin = 'http://localhost'
export const url = `${origin}/reports`
const signBytes = promisify(sign)
const encode = (/** @type {unknown} */ value) =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

/** @typedef {{ authorization: string, dpop: string }} Credentials the header fields of a request */

/** @param {string} file the setup and the key of the issuer, as JSON */
export async function createDpopClient(file) {
  const { setup, key } = JSON.parse(readFileSync(file, 'utf8'))
  const issuerKey = createPrivateKey({ key: key.privateJwk, format: 'jwk' })
  const signToken = createSigner(setup.algorithm, { ...key, privateKey: issuerKey }, setup.issuer)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  // RFC 7638 §3
  const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const token = await signToken({ cnf: { jkt } })
  const ath = createHash('sha256').update(token).digest('base64url')
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })

  /** @param {object} [changes] claims of the proof that differ @returns {Promise<Credentials>} */
  async function makeCredentials(changes) {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { jti: randomUUID(), htm: 'GET', htu: url, iat, ath, ...changes }
    const input = `${header}.${encode(claims)}`
    const options = { key: privateKey, dsaEncoding: /** @type {const} */ ('ieee-p1363') }
    const signature = await signBytes('sha256', Buffer.from(input), options)
    return {
      authorization: `DPoP ${token}`,
      dpop: `${input}.${signature.toString('base64url')}`,
    }
  }
  return {
    makeCredentials,
    /** @param {number} count */
    makeMany: (count) => Promise.all(Array.from({ length: count }, () => makeCredentials())),
  }
}
