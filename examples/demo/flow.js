// @ts-check
/** The steps of the demo: requests with different tokens, over HTTP. */
import { createReport, describeResponse, shorten } from './report.js'

/** @typedef {import('./apis.js').Api} Api */
/** @typedef {import('./report.js').Received} Received */
/** @typedef {import('oauth-resource-server/testing').TestIssuer} TestIssuer */

export const client = {
  id: 'report-robot',
  secret: 'a-secret-for-the-demo',
  scopes: ['read:reports'],
}

/**
 * Runs all steps. Resolves to whether every result was as expected.
 *
 * @param {TestIssuer} issuer The authorization server; its only client is {@link client}.
 * @param {readonly Api[]} apis
 * @param {(line: string) => void} print
 */
export async function runFlow(issuer, apis, print) {
  const report = createReport(print)
  const form = tokenRequest(issuer.audience)

  report.step(
    'A program asks the authorization server for a token',
    `The program has an id and a secret, and there is no user. This is the client
credentials grant of OAuth 2.0. "audience" names the API that the token is for.`,
  )
  report.wire(
    `POST ${issuer.tokenEndpoint}
Content-Type: application/x-www-form-urlencoded

${form.toString().replaceAll('&', '\n  &')}`,
  )
  const granted = await send(issuer.tokenEndpoint, { method: 'POST', body: form })
  const { access_token: token = '' } = JSON.parse(granted.body || '{}')
  report.wire(describeResponse(granted).replace(token, shorten(token)))
  report.compare('200', { 'the server': summarize(granted) })

  report.step(
    'A request without a token',
    'The challenges of the API offer two schemes, Bearer and DPoP.',
  )
  await tryAll('401 with a challenge', { show: true })

  report.step(
    'The client finds the authorization server',
    `The challenge names the URL of a document about the API. (Its host is the public
name of the API. Here, the client asks each API at its own port for the same path.)`,
  )
  const path = await metadataPath()
  await tryAll(`200, and tokens come from ${issuer.issuer}`, { path, show: true })

  report.step(
    'The same request with the token',
    `Each API fetches the public keys of the authorization server once, verifies the
token, and passes its claims to the handler, which sends them back.`,
  )
  await tryAll(`200 with the claims of ${client.id}`, { token, show: true })

  report.step(
    'The token lacks a scope',
    'The token is valid, but writing requires another scope, which the challenge names.',
  )
  await tryAll(
    '403 insufficient_scope: The access token does not grant what this request requires',
    { method: 'POST', token, show: true },
  )

  report.step(
    'The client adds that scope to its token',
    'The payload now contains write:reports, but the signature does not match it.',
  )
  await tryAll('401 invalid_token: The signature of the access token is not valid', {
    method: 'POST',
    token: tamper(token),
  })

  report.step(
    'The user must authenticate again',
    `Deleting requires a second factor that was used in the last five minutes. The client
sends the user to the authorization server with the values in the challenge.`,
  )
  await tryAll('401 insufficient_user_authentication', { method: 'DELETE', token, show: true })
  const recent = await issuer.token({ acr: 'mfa', auth_time: Math.floor(Date.now() / 1000) })
  await tryAll('204', { method: 'DELETE', token: recent })

  report.step('An expired token', 'It expired an hour ago.')
  await tryAll('401 invalid_token: The access token expired', {
    token: await issuer.tokens.expired({ scope: 'read:reports' }),
  })

  report.step(
    'A token for another API',
    'The same client requested it, with audience=https://other.example.com.',
  )
  await tryAll('401 invalid_token: The access token is not meant for this resource', {
    token: await fetchToken('https://other.example.com'),
  })

  report.step(
    'A token that is bound to a key of the client',
    `With each request the client sends a proof (DPoP) that it signs with that key. The
proof names the public address of the API, ${issuer.audience}.`,
  )
  const owner = issuer.dpopClient()
  const bound = await owner.token({ client_id: client.id, scope: 'read:reports' })
  const url = `${issuer.audience}/reports`
  await tryAll(`200 with the claims of ${client.id}`, {
    token: bound,
    proof: await owner.proof({ url }),
  })

  report.step(
    'The same token, stolen',
    'It is refused without a proof, and with a proof by another key.',
  )
  const refused = '401 invalid_token: Possession of the key of the access token is not proven'
  await tryAll(refused, { token: bound })
  await tryAll(refused, {
    token: bound,
    proof: await issuer.dpopClient().proof({ url, token: bound }),
  })

  report.step(
    'An opaque token, before and after it is revoked',
    `Not every token is a JWT. This one is a random string: each API asks the
authorization server about it, on every request here, so revocation takes effect at once.`,
  )
  const opaque = issuer.opaqueToken({ client_id: client.id, scope: 'read:reports' })
  await tryAll(`200 with the claims of ${client.id}`, { token: opaque })
  issuer.revoke(opaque)
  await tryAll('401 invalid_token: The access token is not active', { token: opaque })

  report.step(
    'The authorization server changes its key',
    `The new token names a key that the APIs do not have, so each of them fetches the
keys again. (The invalid tokens above did not cause a fetch.)`,
  )
  const before = issuer.requests.jwks
  await issuer.rotate()
  await tryAll(`200 with the claims of ${client.id}`, { token: await fetchToken(issuer.audience) })
  report.compare(describeFetches(apis.length, apis.length), {
    together: describeFetches(before, issuer.requests.jwks - before),
  })

  report.step(
    'The authorization server is down',
    `The client has one more token, which is new to the APIs. They have the keys, and by
default use them for another day during an outage.`,
  )
  const lastToken = await fetchToken(issuer.audience)
  await issuer.down()
  const unanswered = await send(issuer.tokenEndpoint, { method: 'POST', body: form })
  report.compare('no response', { 'the server': summarize(unanswered) })
  await tryAll(`200 with the claims of ${client.id}`, { token: lastToken })
  await issuer.up()

  return report.conclude()

  /** Returns the path of the metadata, from the challenge of the first API. */
  async function metadataPath() {
    const refused = await send(apis[0]?.url ?? '', {})
    const challenge = refused.headers.get('www-authenticate') ?? ''
    const [, url = ''] = /resource_metadata="(.*?)"/.exec(challenge) ?? []
    return URL.canParse(url) ? new URL(url).pathname : '/reports'
  }

  /** @param {string} audience @returns {Promise<string>} */
  async function fetchToken(audience) {
    const body = tokenRequest(audience)
    return JSON.parse((await send(issuer.tokenEndpoint, { method: 'POST', body })).body)
      .access_token
  }

  /**
   * @param {string} expected
   * @param {{ method?: string, path?: string, token?: string, proof?: string, show?: boolean }} request
   * `show`: print the first response
   */
  async function tryAll(
    expected,
    { method = 'GET', path = '/reports', token, proof, show = false },
  ) {
    const scheme = proof ? 'DPoP' : 'Bearer'
    const credentials = token && `Authorization: ${scheme} ${shorten(token)}`
    const proven = proof && `DPoP: ${shorten(proof)}`
    report.wire([`${method} ${path}`, credentials, proven].filter(Boolean).join('\n'))
    const headers = {
      ...(token && { authorization: `${scheme} ${token}` }),
      ...(proof && { dpop: proof }),
    }
    const responses = await Promise.all(
      apis.map(({ url }) => send(new URL(path, url).href, { method, headers })),
    )
    const results = responses.map((response, index) => [apis[index]?.name, summarize(response)])
    report.compare(expected, Object.fromEntries(results))
    for (const response of responses.slice(0, show ? 1 : 0)) {
      report.wire(describeResponse(response))
    }
  }
}

/** @param {string} audience */
export function tokenRequest(audience) {
  return new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.id,
    client_secret: client.secret,
    audience,
  })
}

/** @param {string} url @param {RequestInit} options @returns {Promise<Received>} */
async function send(url, options) {
  const response = await fetch(url, options).catch(() => Response.error())
  const { status, statusText, headers } = response
  return { status, statusText, headers, body: await response.text() }
}

/** Returns a response in one line. @param {Received} response */
function summarize({ status, headers, body }) {
  if (status === 0) return 'no response'
  const challenge = headers.get('www-authenticate')
  if (challenge !== null) {
    const [, code, sentence] = /error="(.*?)", error_description="(.*?)"/.exec(challenge) ?? []
    const text = `${status} ${code ? `${code}: ${sentence}` : 'with a challenge'}`
    // The complete response, printed below, has what does not fit into a line of the report.
    return text.length > 84 ? `${status} ${code}` : text
  }
  const [, server] = /"authorization_servers":\["(.*?)"\]/.exec(body) ?? []
  if (server !== undefined) return `${status}, and tokens come from ${server}`
  const hasClaims = body.includes(`"client_id":"${client.id}"`)
  return hasClaims ? `${status} with the claims of ${client.id}` : String(status)
}

/** @param {number} before @param {number} after */
function describeFetches(before, after) {
  return `keys fetched ${before} times before, and ${after} times for the new key`
}

/** Adds a scope to a token without changing the signature. @param {string} token */
function tamper(token) {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  claims.scope = 'read:reports write:reports'
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}
