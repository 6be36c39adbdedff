/**
 * @module One server process: Express, Koa or node:http, unprotected, with an empty asynchronous
 * middleware, or protected by one contender: with its own middleware, or else with a few lines around its
 * `verify`. With `scopes` the route also requires a scope: with the contender's own check, or else with a
 * few lines.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { contenderOf } from './contenders.js'
import { mainThreadTime } from './meter.js'
import { requiredScope } from './tokens.js'

/** @typedef {'unprotected' | 'empty' | string} Protection one of the first two, or the name of a contender */
/** @typedef {import('node:http').IncomingMessage & { auth?: unknown }} Incoming */

const empty = async () => {}
const tokenOf = (/** @type {Incoming} */ request) => request.headers.authorization?.slice(7) ?? ''

/**
 * The check of a scope, if the workload has one.
 *
 * @param {string} framework @param {Protection} protection @param {import('./contenders.js').Setup} setup
 */
async function createAuthorize(framework, protection, setup) {
  if (!scopes || protection === 'unprotected' || protection === 'empty') return undefined
  const { authorize, scopeOf } = contenderOf(protection)
  if (authorize) return await authorize(setup, framework)
  const hasScope = (/** @type {unknown} */ auth) => {
    const scope = scopeOf?.(auth)
    return typeof scope === 'string' && scope.split(' ').includes(requiredScope)
  }
  return ownAuthorize[/** @type {'express' | 'koa' | 'http'} */ (framework)](hasScope)
}

/** @typedef {(auth: unknown) => boolean} HasScope */

const ownAuthorize = {
  /** @param {HasScope} hasScope */
  express:
    (hasScope) =>
    (/** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ next) => {
      if (hasScope(request.auth)) next()
      else response.status(403).end()
    },
  /** @param {HasScope} hasScope */
  koa: (hasScope) => async (/** @type {any} */ ctx, /** @type {any} */ next) => {
    if (!hasScope(ctx.state.auth)) ctx.throw(403)
    await next()
  },
  /** @param {HasScope} hasScope */
  http: (hasScope) => async (/** @type {Incoming} */ request, /** @type {any} */ response) => {
    if (hasScope(request.auth)) return true
    response.writeHead(403).end()
    return false
  },
}

/** @param {Protection} protection @param {import('./contenders.js').Setup} setup */
async function express(protection, setup) {
  const { default: createApp } = await import('express')
  const app = createApp()
  if (protection !== 'unprotected') app.use(await middleware())
  const authorize = await createAuthorize('express', protection, setup)
  app.get('/reports', ...(authorize ? [authorize] : []), (_request, response) => {
    response.json({ ok: true })
  })
  /** @type {import('express').ErrorRequestHandler} */
  const sendError = (error, _request, response, _next) => {
    response.status(error.status ?? 500).end()
  }
  return app.use(sendError)

  async function middleware() {
    if (protection === 'empty') {
      return async (/** @type {any} */ _req, /** @type {any} */ _res, /** @type {any} */ next) => {
        await empty()
        next()
      }
    }
    const contender = contenderOf(protection)
    if (contender.express) return contender.express(setup)
    const verify = await contender.createVerify(setup)
    /** @type {import('express').RequestHandler} */
    return async (request, response, next) => {
      try {
        Object.assign(request, { auth: await verify(tokenOf(request)) })
      } catch {
        response.status(401).end()
        return
      }
      next()
    }
  }
}

/** @param {Protection} protection @param {import('./contenders.js').Setup} setup */
async function koa(protection, setup) {
  const { default: Koa } = await import('koa')
  const app = new Koa()
  if (protection !== 'unprotected') app.use(await middleware())
  const authorize = await createAuthorize('koa', protection, setup)
  if (authorize) app.use(authorize)
  app.use((ctx) => {
    ctx.body = { ok: true }
  })
  return app.callback()

  async function middleware() {
    if (protection === 'empty') {
      return async (/** @type {any} */ _ctx, /** @type {any} */ next) => {
        await empty()
        await next()
      }
    }
    const contender = contenderOf(protection)
    if (contender.koa) return contender.koa(setup)
    const verify = await contender.createVerify(setup)
    /** @type {import('koa').Middleware} */
    return async (ctx, next) => {
      try {
        ctx.state.auth = await verify(tokenOf(ctx.req))
      } catch {
        ctx.throw(401)
      }
      await next()
    }
  }
}

/** @param {Protection} protection @param {import('./contenders.js').Setup} setup */
async function http(protection, setup) {
  const respond = (/** @type {import('node:http').ServerResponse} */ response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"ok":true}')
  }
  if (protection === 'unprotected')
    return (/** @type {any} */ _req, /** @type {any} */ res) => respond(res)
  const authenticate = await createAuthenticate()
  const authorize = await createAuthorize('http', protection, setup)
  if (authorize) {
    return async (/** @type {Incoming} */ request, /** @type {any} */ response) => {
      if (!(await authenticate(request, response))) return
      if (await authorize(request, response)) respond(response)
    }
  }
  return async (/** @type {Incoming} */ request, /** @type {any} */ response) => {
    if (await authenticate(request, response)) respond(response)
  }

  async function createAuthenticate() {
    if (protection === 'empty') return async () => true
    const contender = contenderOf(protection)
    if (contender.http) return contender.http(setup)
    const verify = await contender.createVerify(setup)
    return async (/** @type {Incoming} */ request, /** @type {any} */ response) => {
      try {
        request.auth = await verify(tokenOf(request))
        return request.auth
      } catch {
        response.writeHead(401).end()
        return undefined
      }
    }
  }
}

const { framework, protection, file, scopes } = JSON.parse(process.argv[2] ?? '')
const { setup } = JSON.parse(readFileSync(file, 'utf8'))
/** @type {(protection: Protection, setup: import('./contenders.js').Setup) => Promise<any>} */
const create = { express, koa, http }[/** @type {'express' | 'koa' | 'http'} */ (framework)]
let handle = await create(protection, setup)
const server = createServer((request, response) => handle(request, response))
// The connections of the load stay open while other servers are measured.
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port)
})
process.on('message', async (/** @type {'mainThreadTime' | 'renew'} */ message) => {
  // Without the tokens that it has cached.
  if (message === 'renew') handle = await create(protection, setup)
  process.send?.(mainThreadTime())
})
process.on('disconnect', () => process.exit())
