// @ts-check
/**
 * An API in Koa 2 or 3. Every request needs an access token; /reports needs a scope as well.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node koa.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import Koa from 'koa'
import { authenticate, authorize } from 'oauth-resource-server/koa'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

const app = new Koa()
const mayReadReports = authorize({ scopes: 'read:reports' })

app.use(async (context, next) => {
  if (context.path !== '/health') return next()
  context.body = { status: 'up' }
})

app.use(authenticate({ issuer: ISSUER, audience: AUDIENCE }))

app.use(async (context, next) => {
  if (context.path !== '/') return next()
  context.body = { client: context.state.auth.clientId, scopes: context.state.auth.scopes }
})

app.use(async (context, next) => {
  if (context.path !== '/reports') return next()
  await mayReadReports(context, async () => {
    context.body = { reports: ['January', 'February'] }
  })
})

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
