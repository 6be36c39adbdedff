/**
 * Runs in a project of its own, with the installed tarball: protects a server of the framework that
 * the command line names, and prints the status codes of a good, a missing and a poor token.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createTestIssuer } from 'oauth-resource-server/testing'

const [, , framework = ''] = process.argv
const issuer = await createTestIssuer()
const options = { issuer: issuer.issuer, audience: issuer.audience }
const requirement = { scopes: 'read:reports' }

async function createListener() {
  if (framework.startsWith('express')) {
    const { authenticate, authorize } = await import('oauth-resource-server/express')
    const { default: express } = await import(framework)
    const app = express()
    app.use(authenticate(options))
    app.get('/', authorize(requirement), (request, response) => response.json(request.auth.claims))
    return app
  }
  if (framework.startsWith('koa')) {
    const { authenticate, authorize } = await import('oauth-resource-server/koa')
    const { default: Koa } = await import(framework)
    const app = new Koa()
    app.use(authenticate(options)).use(authorize(requirement))
    app.use((context) => {
      context.body = context.state.auth.claims
    })
    return app.callback()
  }
  const { authenticate, authorize } = await import('oauth-resource-server/http')
  const authenticated = authenticate(options)
  const authorized = authorize(requirement)
  return async (request, response) => {
    const token = await authenticated(request, response)
    if (!token || !(await authorized(request, response))) return
    response.end(JSON.stringify(token.claims))
  }
}

const server = createServer(await createListener()).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`

async function status(token) {
  const response = await fetch(url, { headers: token ? { authorization: `Bearer ${token}` } : {} })
  const body = await response.text()
  if (response.ok && JSON.parse(body).iss !== issuer.issuer) throw new Error(body)
  return response.status
}

const good = await issuer.token({ scope: 'read:reports' })
const poor = await issuer.tokens.withoutScope()
console.log('%d %d %d', await status(good), await status(), await status(poor))

await issuer.close()
server.close()
server.closeAllConnections()
