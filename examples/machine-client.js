// @ts-check
/**
 * A client that calls an API without a user. It requests a token with its client credentials (RFC 6749
 * §4.4), reuses it until shortly before it expires, and sends it with each request.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com \
 *     CLIENT_ID=... CLIENT_SECRET=... API=http://127.0.0.1:3000/reports node machine-client.js
 */
const { ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET, SCOPE } = process.env
const { API = 'http://127.0.0.1:3000/reports' } = process.env
if (!ISSUER || !AUDIENCE || !CLIENT_ID || !CLIENT_SECRET) {
  throw new Error('Set ISSUER, AUDIENCE, CLIENT_ID and CLIENT_SECRET: see the top of this file')
}

const credentials = new URLSearchParams({
  grant_type: 'client_credentials',
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  audience: AUDIENCE, // Some servers call it `resource`.
  ...(SCOPE && { scope: SCOPE }),
})

let token = ''
let renewAt = 0

async function currentToken() {
  if (Date.now() < renewAt) return token
  const metadata = await json(`${ISSUER?.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (metadata.issuer !== ISSUER) throw new Error(`${metadata.issuer} is not ${ISSUER}`)
  const response = await json(metadata.token_endpoint, { method: 'POST', body: credentials })
  token = response.access_token
  renewAt = Date.now() + (response.expires_in - 30) * 1000
  return token
}

/** @param {string} url @param {RequestInit} [options] @returns {Promise<any>} */
async function json(url, options) {
  const response = await fetch(url, options)
  if (response.ok) return response.json()
  throw new Error(`${url} responded with ${response.status}: ${await response.text()}`)
}

for (let call = 1; call <= 2; call++) {
  const headers = { authorization: `Bearer ${await currentToken()}` }
  console.log(JSON.stringify(await json(API, { headers })))
}
