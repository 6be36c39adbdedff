// @ts-check
/** The life of an access token, step by step, over real HTTP. */
import { createReport, describeAnswer, shorten } from './report.js'

/** @typedef {import('./apis.js').Api} Api */
/** @typedef {import('./report.js').Answer} Answer */
/** @typedef {import('oauth-resource-server/testing').TestIssuer} TestIssuer */

export const client = {
  id: 'report-robot',
  secret: 'a-secret-for-the-demo',
  scopes: ['read:reports'],
}

/**
 * Plays all steps. Resolves to whether everything came as expected.
 *
 * @param {TestIssuer} issuer The authorization server; its only client is {@link client}.
 * @param {readonly Api[]} apis
 * @param {(line: string) => void} print
 */
export async function play(issuer, apis, print) {
  const report = createReport(print)
  const form = tokenRequest(issuer.audience)

  report.step(
    'A program asks the authorization server for a token',
    `It has an id and a secret of its own; no user takes part. This is the client
credentials grant of OAuth 2.0. "audience" names the API that the token is for.`,
  )
  report.wire(
    `POST ${issuer.tokenEndpoint}
Content-Type: application/x-www-form-urlencoded

${form.toString().replaceAll('&', '\n  &')}`,
  )
  const granted = await send(issuer.tokenEndpoint, { method: 'POST', body: form })
  const { access_token: token = '' } = JSON.parse(granted.body || '{}')
  report.wire(describeAnswer(granted).replace(token, shorten(token)))
  report.compare('200', { 'the server': outcome(granted) })

  report.step(
    'A request without a token',
    'The API says what is missing: a token, in one of two schemes.',
  )
  await tryAll('401 with a challenge', { show: true })

  report.step(
    'The same request with the token',
    `Each API fetches the public keys of the authorization server, once, checks the
token with them, and hands its claims to the handler, which sends them back here.`,
  )
  await tryAll(`200 with the claims of ${client.id}`, { token, show: true })

  report.step(
    'The token lacks a scope',
    'The token is good, but writing needs one more scope, as the challenge says.',
  )
  await tryAll(
    '403 insufficient_scope: The access token does not grant what this request requires',
    { method: 'POST', token, show: true },
  )

  report.step(
    'So the client writes that scope into its token',
    'The payload says write:reports now, but it is no longer what was signed.',
  )
  await tryAll('401 invalid_token: The signature of the access token is not valid', {
    method: 'POST',
    token: tamper(token),
  })

  report.step('A token that expired', 'It was good until an hour ago.')
  await tryAll('401 invalid_token: The access token expired', {
    token: await issuer.tokens.expired({ scope: 'read:reports' }),
  })

  report.step(
    'A token for another API',
    'The same client asked the same server, for audience=https://other.example.com.',
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
    'Somebody steals that token',
    'Without the key it is worth nothing: as it is, and with a proof by another key.',
  )
  const refused = '401 invalid_token: Possession of the key of the access token is not proven'
  await tryAll(refused, { token: bound })
  await tryAll(refused, {
    token: bound,
    proof: await issuer.dpopClient().proof({ url, token: bound }),
  })

  report.step(
    'The authorization server changes its key',
    `The new token names a key that the APIs have not seen yet, so each fetches the
keys again before it decides. (Refusing the bad tokens has cost no fetch at all.)`,
  )
  const before = issuer.requests.jwks
  await issuer.rotate()
  await tryAll(`200 with the claims of ${client.id}`, { token: await fetchToken(issuer.audience) })
  report.compare(fetches(apis.length, apis.length), {
    together: fetches(before, issuer.requests.jwks - before),
  })

  report.step(
    'The authorization server is gone',
    `The client fetched one more token just in time. No API has seen it before, but
they have the keys, and go on with them for a day unless told otherwise.`,
  )
  const lastToken = await fetchToken(issuer.audience)
  await issuer.down()
  const unanswered = await send(issuer.tokenEndpoint, { method: 'POST', body: form })
  report.compare('no answer', { 'the server': outcome(unanswered) })
  await tryAll(`200 with the claims of ${client.id}`, { token: lastToken })
  await issuer.up()

  return report.conclude()

  /** @param {string} audience @returns {Promise<string>} */
  async function fetchToken(audience) {
    const body = tokenRequest(audience)
    return JSON.parse((await send(issuer.tokenEndpoint, { method: 'POST', body })).body)
      .access_token
  }

  /**
   * @param {string} expected
   * @param {{ method?: string, token?: string, proof?: string, show?: boolean }} request `show`: the
   * whole answer
   */
  async function tryAll(expected, { method = 'GET', token, proof, show = false }) {
    const scheme = proof ? 'DPoP' : 'Bearer'
    const credentials = token && `Authorization: ${scheme} ${shorten(token)}`
    const proven = proof && `DPoP: ${shorten(proof)}`
    report.wire([`${method} /reports`, credentials, proven].filter(Boolean).join('\n'))
    const headers = {
      ...(token && { authorization: `${scheme} ${token}` }),
      ...(proof && { dpop: proof }),
    }
    const answers = await Promise.all(apis.map(({ url }) => send(url, { method, headers })))
    const results = answers.map((answer, index) => [apis[index]?.name, outcome(answer)])
    report.compare(expected, Object.fromEntries(results))
    for (const answer of answers.slice(0, show ? 1 : 0)) report.wire(describeAnswer(answer))
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

/** @param {string} url @param {RequestInit} options @returns {Promise<Answer>} */
async function send(url, options) {
  const response = await fetch(url, options).catch(() => Response.error())
  const { status, statusText, headers } = response
  return { status, statusText, headers, body: await response.text() }
}

/** An answer in one line. @param {Answer} answer */
function outcome({ status, headers, body }) {
  if (status === 0) return 'no answer'
  const challenge = headers.get('www-authenticate')
  if (challenge !== null) {
    const [, code, sentence] = /error="(.*?)", error_description="(.*?)"/.exec(challenge) ?? []
    return `${status} ${code ? `${code}: ${sentence}` : 'with a challenge'}`
  }
  const claimed = body.includes(`"client_id":"${client.id}"`)
  return claimed ? `${status} with the claims of ${client.id}` : String(status)
}

/** @param {number} before @param {number} after */
function fetches(before, after) {
  return `keys fetched ${before} times until now, and ${after} times for the new key`
}

/** Puts a scope into a token, under the old signature. @param {string} token */
function tamper(token) {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  claims.scope = 'read:reports write:reports'
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}
