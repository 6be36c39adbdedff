// @ts-check
/**
 * The same small API in three frameworks. `GET /reports` requires the scope `read:reports` and responds
 * with the claims of the token. `POST /reports` requires `write:reports`.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import Koa from 'koa'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'

/** @typedef {import('oauth-resource-server').ValidatorOptions} ValidatorOptions */
/** @typedef {{ name: string, url: string, close: () => void }} Api */

const readAccess = { scopes: 'read:reports' }
const writeAccess = { scopes: 'write:reports' }

/** @param {ValidatorOptions} options */
function expressApi(options) {
  const app = express()
  app.use(forExpress.authenticate(options))
  app.get('/reports', forExpress.authorize(readAccess), (request, response) => {
    response.json(request.auth?.claims)
  })
  app.post('/reports', forExpress.authorize(writeAccess), (_request, response) => {
    response.sendStatus(201)
  })
  return app
}

/** @param {ValidatorOptions} options */
function koaApi(options) {
  const app = new Koa()
  const mayRead = forKoa.authorize(readAccess)
  const mayWrite = forKoa.authorize(writeAccess)
  app.use(forKoa.authenticate(options))
  app.use((context, next) => (context.method === 'GET' ? mayRead : mayWrite)(context, next))
  app.use((context) => {
    if (context.method === 'GET') context.body = context.state.auth.claims
    else context.status = 201
  })
  return app.callback()
}

/** @param {ValidatorOptions} options @returns {import('node:http').RequestListener} */
function httpApi(options) {
  const authenticated = forHttp.authenticate(options)
  const mayRead = forHttp.authorize(readAccess)
  const mayWrite = forHttp.authorize(writeAccess)
  return async (request, response) => {
    const token = await authenticated(request, response)
    const allowed = request.method === 'GET' ? mayRead : mayWrite
    if (!token || !(await allowed(request, response))) return // The refusal is already sent.
    if (request.method === 'GET') {
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify(token.claims))
    } else response.writeHead(201).end()
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
    listen('Express', expressApi(options)),
    listen('Koa', koaApi(options)),
    listen('node:http', httpApi(options)),
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
