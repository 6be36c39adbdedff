// @ts-nocheck The frameworks are installed only in the projects that this is copied to.
/**
 * The same protected API in every framework: `GET /` responds with the claims of the token. Each function
 * creates a server that does not listen yet.
 */
import { createServer } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'

export const frameworks = {
  'Express 4': (rules) => expressServer('express4', rules),
  'Express 5': (rules) => expressServer('express', rules),
  'Koa 2': (rules) => koaServer('koa2', rules),
  'Koa 3': (rules) => koaServer('koa', rules),
  'node:http': async (rules) => createServer(await plainListener(rules)),
  'node:http2': async (rules) => createHttp2(await plainListener(rules)),
  Fastify: fastifyServer,
  NestJS: nestServer,
  Hono: honoServer,
  'Bun.serve': bunServer,
  'Deno.serve': denoServer,
}

async function expressServer(name, { options, requirement }) {
  const { authenticate, authorize } = await import('oauth-resource-server/express')
  const { default: express } = await import(name)
  const app = express()
  app.use(authenticate(options))
  app.get('/', authorize(requirement), (request, response) => response.json(request.auth.claims))
  return createServer(app)
}

async function koaServer(name, { options, requirement }) {
  const { authenticate, authorize } = await import('oauth-resource-server/koa')
  const { default: Koa } = await import(name)
  const app = new Koa()
  app.use(authenticate(options)).use(authorize(requirement))
  app.use((context) => {
    context.body = context.state.auth.claims
  })
  return createServer(app.callback())
}

async function plainListener({ options, requirement }) {
  const { authenticate, authorize } = await import('oauth-resource-server/http')
  const authenticated = authenticate(options)
  const authorized = authorize(requirement)
  return async (request, response) => {
    const token = await authenticated(request, response)
    if (!token || !(await authorized(request, response))) return
    response.end(JSON.stringify(token.claims))
  }
}

async function fastifyServer({ options, requirement }) {
  const { authenticate, authorize } = await import('oauth-resource-server/http')
  const { default: fastify } = await import('fastify')
  const { default: middie } = await import('@fastify/middie')
  const app = fastify()
  await app.register(middie)
  app.use(authenticate(options))
  app.use(authorize(requirement))
  app.get('/', async (request) => request.raw.auth.claims)
  await app.ready()
  return app.server
}

async function nestServer({ options, requirement }) {
  await import('reflect-metadata')
  const { authenticate, authorize } = await import('oauth-resource-server/express')
  const { Controller, Get, Module, Req } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')

  class Api {
    read(request) {
      return request.auth.claims
    }
  }
  class Root {
    configure(consumer) {
      consumer.apply(authenticate(options), authorize(requirement)).forRoutes(Api)
    }
  }
  // What `@Decorator()` does where a compiler knows it.
  Get()(Api.prototype, 'read', Object.getOwnPropertyDescriptor(Api.prototype, 'read'))
  Req()(Api.prototype, 'read', 0)
  Controller()(Api)
  Module({ controllers: [Api] })(Root)

  const app = await NestFactory.create(Root, { logger: ['error'] })
  await app.init()
  return app.getHttpServer()
}

/** A handler that takes a Request and returns a Response, as in a Next.js route. */
async function routeHandler({ options, requirement }) {
  const { authenticate } = await import('oauth-resource-server/fetch')
  const authenticated = authenticate(options, { requirement })
  return async function GET(request) {
    const token = await authenticated(request)
    return token instanceof Response ? token : Response.json(token.claims)
  }
}

async function honoServer(rules) {
  const handle = await routeHandler(rules)
  const { Hono } = await import('hono')
  const { createAdaptorServer } = await import('@hono/node-server')
  const app = new Hono()
  app.get('/', (context) => handle(context.req.raw))
  return createAdaptorServer(app)
}

async function bunServer(rules) {
  const fetch = await routeHandler(rules)
  let server
  return {
    listen(port, hostname) {
      server = Bun.serve({ port, hostname, fetch })
    },
    address: () => ({ port: server.port }),
    close: () => server.stop(true),
  }
}

async function denoServer(rules) {
  const handle = await routeHandler(rules)
  let server
  return {
    listen(port, hostname) {
      server = Deno.serve({ port, hostname, onListen() {} }, handle)
    },
    address: () => server.addr,
    close: () => server.shutdown(),
  }
}
