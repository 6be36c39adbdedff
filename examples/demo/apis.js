// @ts-check
/**
 * The same small API in three frameworks. `GET /reports` requires the scope `read:reports` and responds
 * with the claims of the token. `POST /reports` requires `write:reports`. `DELETE /reports` requires a
 * user who authenticated with a second factor in the last five minutes.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import Koa from 'koa'
import { createValidator } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'

/** @typedef {import('oauth-resource-server').ValidatorOptions} ValidatorOptions */
/** @typedef {import('oauth-resource-server').Validator} Validator */
/** @typedef {{ name: string, url: string, close: () => void }} Api */

const readAccess = { scopes: 'read:reports' }
const writeAccess = { scopes: 'write:reports' }
const deleteAccess = { authentication: { acrValues: 'mfa', maxAge: 300 } }

/** @param {Validator} validator */
function expressApi(validator) {
  const app = express()
  app.use(forExpress.resourceMetadata(validator))
  app.use(forExpress.authenticate(validator))
  app.get('/reports', forExpress.authorize(readAccess), (request, response) => {
    response.json(request.auth?.claims)
  })
  app.post('/reports', forExpress.authorize(writeAccess), (_request, response) => {
    response.sendStatus(201)
  })
  app.delete('/reports', forExpress.authorize(deleteAccess), (_request, response) => {
    response.sendStatus(204)
  })
  return app
}

/** @param {Validator} validator */
function koaApi(validator) {
  const app = new Koa()
  const mayRead = forKoa.authorize(readAccess)
  const mayWrite = forKoa.authorize(writeAccess)
  const mayDelete = forKoa.authorize(deleteAccess)
  app.use(forKoa.resourceMetadata(validator))
  app.use(forKoa.authenticate(validator))
  app.use((context, next) => {
    if (context.method === 'GET') return mayRead(context, next)
    return (context.method === 'DELETE' ? mayDelete : mayWrite)(context, next)
  })
  app.use((context) => {
    if (context.method === 'GET') context.body = context.state.auth.claims
    else context.status = context.method === 'DELETE' ? 204 : 201
  })
  return app.callback()
}

/** @param {Validator} validator @returns {import('node:http').RequestListener} */
function httpApi(validator) {
  const metadata = forHttp.resourceMetadata(validator)
  const authenticated = forHttp.authenticate(validator)
  const mayRead = forHttp.authorize(readAccess)
  const mayWrite = forHttp.authorize(writeAccess)
  const mayDelete = forHttp.authorize(deleteAccess)
  return async (request, response) => {
    if (await metadata(request, response)) return // The response has been sent.
    const token = await authenticated(request, response)
    if (!token) return // Refused: the response has been sent.
    if (request.method === 'GET') {
      if (!(await mayRead(request, response))) return
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify(token.claims))
    } else if (request.method === 'DELETE') {
      if (await mayDelete(request, response)) response.writeHead(204).end()
    } else if (await mayWrite(request, response)) response.writeHead(201).end()
  }
}

/**
 * Starts the three APIs on free ports of 127.0.0.1.
 *
 * @param {ValidatorOptions} options
 * @returns {Promise<Api[]>}
 */
export function startApis(options) {
  return Promise.all([
    listen('Express', expressApi(createValidator(options))),
    listen('Koa', koaApi(createValidator(options))),
    listen('node:http', httpApi(createValidator(options))),
  ])
}

/** @param {string} name @param {import('node:http').RequestListener} listener */
async function listen(name, listener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${Object(server.address()).port}/reports`
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { name, url, close }
}
