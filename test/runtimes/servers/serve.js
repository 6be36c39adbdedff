// @ts-nocheck See frameworks.js.
/**
 * Runs in a separate project with the installed tarball. Protects a server of the framework that the
 * command line names, and prints the status and the error of its responses to a valid token, to none, to
 * an invalid one and to one without the required scope.
 */
import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { frameworks } from './frameworks.js'

const [, , framework = ''] = process.argv
const issuer = await createTestIssuer()
const server = await frameworks[framework]({
  options: { issuer: issuer.issuer, audience: issuer.audience },
  requirement: { scopes: 'read:reports' },
})
server.listen(0, '127.0.0.1')
// Bun.serve and Deno.serve listen at once.
if ('once' in server) await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`

async function fetchAnswer(headers) {
  const response = await fetch(url, { headers })
  const challenge = response.headers.get('www-authenticate')
  return { status: response.status, challenge, body: await response.text() }
}

async function fetchByHttp2(headers) {
  const session = connect(url)
  try {
    const stream = session.request({ ':path': '/', ...headers })
    const [answer] = await once(stream, 'response')
    const challenge = answer['www-authenticate']
    return { status: answer[':status'], challenge, body: await text(stream) }
  } finally {
    session.close()
  }
}

async function requestOutcome(token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  const send = framework === 'node:http2' ? fetchByHttp2 : fetchAnswer
  const { status, challenge, body } = await send(headers)
  const { iss, error } = body && JSON.parse(body)
  if (status === 200) return `200 for ${iss === issuer.issuer ? 'the' : 'another'} issuer`
  const errorCode = challenge?.match(/(?<=error=").*?(?=")/)?.[0]
  const agrees = challenge?.startsWith('Bearer realm=') && errorCode === error
  return `${status} ${agrees ? (errorCode ?? 'challenge') : `${challenge} ${body}`}`
}

const good = await issuer.token({ scope: 'read:reports' })
const bad = await issuer.tokens.tampered({ scope: 'read:reports' })
const poor = await issuer.tokens.withoutScope()
const outcomes = []
for (const token of [good, undefined, bad, poor]) outcomes.push(await requestOutcome(token))
console.log(outcomes.join(', '))

await issuer.close()
server.close()
server.closeAllConnections?.()
