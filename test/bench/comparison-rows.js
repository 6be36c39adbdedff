/**
 * @module The rows of the README's comparison: each observes one behaviour of a library, and returns it in
 * the words of the README.
 */
import { X509Certificate } from 'node:crypto'

/** @typedef {import('./comparison-contenders.js').Setup} Setup */
/** @typedef {import('./comparison-contenders.js').Api} Api */
/** @typedef {import('./comparison-contenders.js').Reply} Reply */
/** @typedef {Api & { issuer: import('./comparison-contenders.js').TestIssuer }} Started */
/** @typedef {(options?: Omit<Setup, 'issuer'>) => Promise<Started>} Start starts an issuer and an API that trusts it */
/** @typedef {(start: Start, clock: import('./comparison-clock.js').Clock) => Promise<string>} Observe */

const minute = 60
const day = 24 * 60 * minute

const bearer = (/** @type {string} */ token) => ({ authorization: `Bearer ${token}` })

/** Requires that a valid token is accepted: the API has the keys then. @param {Start} start */
async function startWithKeys(start) {
  const started = await start()
  const token = await started.issuer.token()
  const send = () => started.send(bearer(token))
  if (!(await send()).accepted) throw new Error('a valid token was refused')
  return { ...started, sendValid: send }
}

/** @type {Observe} */
async function observeFailedFetch(start) {
  const outcomes = new Set()
  for (const fault of /** @type {const} */ (['down', 'error', 'html'])) {
    const { issuer, send } = await start()
    await issuer.fault(fault)
    const { accepted, status } = await send(bearer(await issuer.token()))
    outcomes.add(accepted ? 'accepted' : (status ?? 'an error to handle'))
  }
  return [...outcomes].join(' or ')
}

/** @type {Observe} */
async function observeMadeUpKeys(start, clock) {
  const { issuer, send } = await startWithKeys(start)
  clock.advance(minute)
  const before = issuer.requests.jwks
  for (let count = 0; count < 20; count++) await send(bearer(await issuer.tokens.unknownKey()))
  const fetches = issuer.requests.jwks - before
  await issuer.rotate()
  const token = await issuer.token()
  const step = 0.25
  let seconds = 0
  while (seconds < 2 * minute && !(await send(bearer(token))).accepted) {
    clock.advance(step)
    seconds += step
  }
  // Rounded down: because of a rounding error, a rate limit may end one step late.
  const wait = Math.floor(seconds)
  const refusal = wait === 0 ? '' : `, then a real new key is refused for ${wait} s`
  return `${fetches} ${fetches === 1 ? 'fetch' : 'fetches'}${refusal}`
}

/** @type {Observe} */
async function observeOutage(start, clock) {
  const { issuer, sendValid } = await startWithKeys(start)
  await issuer.fault('error')
  clock.advance(11 * minute)
  const before = issuer.requests.jwks + issuer.requests.metadata
  let used = 0
  for (let second = 0; second < 20; second++) {
    if ((await sendValid()).accepted) used++
    clock.advance(1)
  }
  const attempts = issuer.requests.jwks + issuer.requests.metadata - before
  clock.advance(day - 12 * minute)
  const afterDay = await sendValid()
  clock.advance(60 * day)
  const afterMonths = await sendValid()
  let use = 'no use of old keys'
  if (used === 20) use = 'keys are used for less than a day'
  if (used === 20 && afterDay.accepted) use = 'keys are used for a day'
  if (used === 20 && afterMonths.accepted) use = 'keys are used without a limit'
  if (attempts === 0) return use
  return `${use}, ${attempts < 10 ? 'with' : 'no'} back-off`
}

/** @type {Observe} */
async function observeRemovedKey(start, clock) {
  const { issuer, send, sendValid } = await startWithKeys(start)
  await issuer.rotate({ withdraw: true })
  const before = issuer.requests.jwks
  for (let halfMinutes = 0; halfMinutes < 40; halfMinutes++) {
    clock.advance(minute / 2)
    if ((await sendValid()).accepted) continue
    return issuer.requests.jwks > before ? 'refused after the next refresh' : 'refused'
  }
  clock.advance(60 * day)
  if (!(await sendValid()).accepted) return 'refused later'
  await send(bearer(await issuer.token()))
  return (await sendValid()).accepted
    ? 'trusted without a limit'
    : 'trusted until a token names an unknown key'
}

/** @type {Observe} */
async function observeMissingExp(start) {
  const { issuer, send } = await startWithKeys(start)
  return (await send(bearer(await issuer.tokens.withoutExpiry()))).accepted ? 'no' : 'yes'
}

/** @type {Observe} */
async function observeOptionalRoute(start) {
  const { issuer, send } = await start({ optional: true })
  if (!(await send({})).anonymous) throw new Error('a request without a token was refused')
  const outcomes = new Set()
  for (const name of /** @type {const} */ (['expired', 'wrongSignature', 'malformed'])) {
    const { status, anonymous } = await send(bearer(await issuer.tokens[name]()))
    outcomes.add(status === 401 ? 'refused' : anonymous ? 'anonymous' : status)
  }
  return [...outcomes].join(' or ')
}

/** @type {Observe} */
async function observeChallenge(start) {
  const { issuer, send } = await start()
  const replies = [await send({}), await send(bearer(await issuer.tokens.expired()))]
  const outcomes = new Set(replies.map((reply) => (reply.challenge ? 'yes' : 'no')))
  return [...outcomes].join(' or ')
}

/** @param {Started} api */
async function observeDpop({ issuer, url, send }) {
  const client = issuer.dpopClient()
  const token = await client.token()
  if ((await send(bearer(token))).accepted) return undefined
  const credentials = async (/** @type {string | undefined} */ nonce) => ({
    authorization: `DPoP ${token}`,
    dpop: await client.proof({ url, ...(nonce && { nonce }) }),
  })
  const { accepted, nonce } = await send(await credentials(undefined))
  const repeated = await credentials(nonce ?? undefined)
  if (!(await send(repeated)).accepted) throw new Error('a valid proof was refused')
  return {
    nonces: !accepted,
    replayStore: !(await send(repeated)).accepted,
  }
}

/** @param {Started} api */
async function observeMutualTls({ issuer, send }) {
  const certificate = (/** @type {{ cert: string }} */ { cert }) =>
    new X509Certificate(cert).raw.toString('base64')
  const client = await issuer.clientCertificate()
  const other = await issuer.clientCertificate()
  const headers = bearer(await client.token())
  const own = await send({ ...headers, certificate: certificate(client) })
  const foreign = await send({ ...headers, certificate: certificate(other) })
  return own.accepted && !foreign.accepted
}

/** @type {Observe} */
async function observeBoundTokens(start) {
  const api = await start({ bound: true })
  const dpop = await observeDpop(api)
  const mutualTls = await observeMutualTls(api)
  if (!dpop) return mutualTls ? 'mutual TLS' : 'no'
  if (dpop.nonces && dpop.replayStore && mutualTls) return 'yes'
  const missing = [dpop.nonces ? [] : 'nonces', dpop.replayStore ? [] : 'replay store'].flat()
  const without = missing.length > 0 ? ` without ${missing.join(' and ')}` : ''
  return `DPoP${without}${mutualTls ? '; mutual TLS' : ''}`
}

/** By the first cell of the row in the README, without links. @type {Readonly<Record<string, Observe>>} */
export const rows = {
  'keys cannot be fetched': observeFailedFetch,
  '20 tokens with made-up keys': observeMadeUpKeys,
  'an outage with known keys': observeOutage,
  'a key removed by the issuer': observeRemovedKey,
  '`exp` required': observeMissingExp,
  'bad token on an optional route': observeOptionalRoute,
  'challenge header': observeChallenge,
  'DPoP with nonces and a replay store, mutual TLS': observeBoundTokens,
}
