// @ts-nocheck See frameworks.js.
/**
 * Runs in a separate project with the installed tarball. Protects a server with the feature that the
 * command line names, and prints the statuses of its responses: first to a request that is accepted, then
 * to some that are not.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer, request as requestTls } from 'node:https'
import { createValidator } from 'oauth-resource-server'
import { authenticate, authorize, resourceMetadata } from 'oauth-resource-server/http'
import { createTestIssuer } from 'oauth-resource-server/testing'

const [, , feature = ''] = process.argv
const issuer = await createTestIssuer()
const base = { issuer: issuer.issuer, audience: issuer.audience }
const introspection = {
  authentication: {
    method: 'client_secret_basic',
    clientId: 'test-client',
    clientSecret: 'test-secret',
  },
}

const features = {
  async DPoP() {
    const url = await listen(createServer(), (origin) => ({
      ...base,
      publicUrl: origin,
      dpop: { nonce: { secret: new Uint8Array(32) } },
    }))
    const client = issuer.dpopClient()
    const token = await client.token()
    const send = async (nonce, target = url) => {
      const proof = await client.proof({ url: target, ...(nonce && { nonce }) })
      return fetch(url, { headers: { authorization: `DPoP ${token}`, dpop: proof } })
    }
    const challenged = await send()
    const nonce = challenged.headers.get('dpop-nonce')
    const others = [challenged, await send(nonce, `${url}other`)]
    return [await send(nonce), ...others]
  },
  async 'mutual TLS'() {
    const [client, thief] = [issuer.clientCertificate(), issuer.clientCertificate()]
    const { key, cert } = client
    const server = createTlsServer({ key, cert, requestCert: true, rejectUnauthorized: false })
    const url = await listen(server, () => ({ ...base, mtls: true }))
    const headers = { authorization: `Bearer ${await client.token()}` }
    const send = async (certificate) => {
      const options = { headers, agent: false, rejectUnauthorized: false, ...certificate }
      const [response] = await once(
        requestTls(url.replace('http:', 'https:'), options).end(),
        'response',
      )
      response.resume()
      return { status: response.statusCode }
    }
    return [
      await send({ key, cert }),
      await send({ key: thief.key, cert: thief.cert }),
      await send(),
    ]
  },
  async introspection() {
    const url = await listen(createServer(), () => ({
      ...base,
      issuer: { issuer: issuer.issuer, introspection: { ...introspection, maxAge: 0 } },
    }))
    const token = issuer.opaqueToken()
    const accepted = await sendBearer(url, token)
    issuer.revoke(token)
    return [accepted, await sendBearer(url, token), await sendBearer(url, 'random')]
  },
  async 'signed introspection'() {
    const url = await listen(createServer(), () => ({
      ...base,
      issuer: { issuer: issuer.issuer, introspection: { ...introspection, signed: true } },
    }))
    return [await sendBearer(url, issuer.opaqueToken()), await sendBearer(url, 'random')]
  },
  async 'encrypted tokens'() {
    const url = await listen(createServer(), () => ({
      ...base,
      issuer: { issuer: issuer.issuer, decryptionKeys: issuer.decryptionKeys },
    }))
    const token = await issuer.encryptedToken()
    const tampered = `${token.slice(0, -6)}AAAAAA`
    return [await sendBearer(url, token), await sendBearer(url, tampered)]
  },
  async 'metadata, step-up'() {
    const requirement = { authentication: { acrValues: ['strong'] } }
    const url = await listen(
      createServer(),
      (origin) => ({ issuer: issuer.issuer, resource: origin }),
      requirement,
    )
    const strong = await issuer.token({ aud: url.slice(0, -1), acr: 'strong' })
    const weak = await issuer.token({ aud: url.slice(0, -1) })
    const refused = await sendBearer(url, weak)
    const [, metadataUrl] = /resource_metadata="([^"]+)"/.exec(
      refused.headers.get('www-authenticate'),
    )
    return [await sendBearer(url, strong), await fetch(metadataUrl), refused]
  },
}

/** @returns {Promise<string>} The URL of the API, which ends with a slash. */
async function listen(server, createOptions, requirement) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${server.address().port}`
  const validator = createValidator(createOptions(origin))
  const authenticated = authenticate(validator)
  const authorized = requirement && authorize(requirement)
  const metadata = validator.resourceMetadata && resourceMetadata(validator)
  server.on('request', async (request, response) => {
    if (metadata && (await metadata(request, response))) return
    if (!(await authenticated(request, response))) return
    if (authorized && !(await authorized(request, response))) return
    response.end('accepted')
  })
  return `${origin}/`
}

async function sendBearer(url, token) {
  return fetch(url, { headers: { authorization: `Bearer ${token}` } })
}

const responses = await features[feature]()
console.log(responses.map(({ status }) => status).join(', '))
process.exit()
