/** The API of `servers.ts`, mounted in Express, Koa, node:http and connect. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { parse as parseQuery } from 'node:querystring'
import { text } from 'node:stream/consumers'
import type express5 from 'express'
import type Koa3 from 'koa'
import type {
  AccessToken,
  Requirement,
  Validator,
  ValidatorEvent,
  ValidatorOptions,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import type { Identity } from './exchange.ts'

// Older versions are installed under another name, which has no types.
const require = createRequire(import.meta.url)
export const express4 = require('express4') as typeof express5
export const Koa2 = require('koa2') as typeof Koa3

export interface Route {
  readonly authenticate?: forHttp.AuthenticateOptions | false
  /** How many times `authenticate` is mounted. */
  readonly times?: number
  /** One `authorize` for each. */
  readonly authorize?: Requirement | readonly Requirement[]
}

export interface ApiOptions {
  readonly validator?: Partial<ValidatorOptions>
  /** Mounts the validator itself, instead of an object around it that records its refusals. */
  readonly direct?: boolean
  /** Further resources on this host, whose metadata the API serves at its root too. */
  readonly resources?: readonly string[]
  readonly routes?: Readonly<Record<string, Route>>
  /** Reads bodies before `authenticate` runs, as the framework's body parser does. */
  readonly parseBodies?: boolean
  /** Serves over TLS with this certificate, and asks clients for theirs without trusting an issuer. */
  readonly tls?: Identity
  /** Runs first. `holder` is the object that gets `auth`. Returns `true` if it has responded. */
  readonly before?: (
    request: IncomingMessage,
    response: ServerResponse,
    holder: { auth?: unknown },
  ) => boolean | undefined
}

/** What the handler of a route received. */
interface Seen {
  readonly auth: AccessToken | undefined
  /** The parsed body, or the text that was not read yet. */
  readonly body: unknown
}

/** What happened in one API since `forget()` was called. */
export interface Records {
  readonly seen: Seen[]
  readonly events: ValidatorEvent[]
  /** Every error that the validator threw. */
  readonly refusals: unknown[]
  /** What reached the error handling of the framework. */
  readonly failures: unknown[]
}

export interface Setup extends Records {
  readonly validator: Validator
  /** The validators that have metadata of their resource. */
  readonly described: readonly Validator[]
  readonly routeOf: (path: string) => Route
  readonly paths: readonly string[]
  readonly options: ApiOptions
}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void

function stepsOf<A, S>(
  route: Route,
  adapter: {
    authenticate: (validator: Validator, options?: forHttp.AuthenticateOptions) => A
    authorize: (requirement: Requirement) => S
  },
  validator: Validator,
): (A | S)[] {
  const times = route.authenticate === false ? 0 : (route.times ?? 1)
  const authentications = Array.from({ length: times }, () =>
    adapter.authenticate(validator, route.authenticate || {}),
  )
  const requirements = [route.authorize ?? []].flat() as Requirement[]
  return [...authentications, ...requirements.map((required) => adapter.authorize(required))]
}

async function readBody(
  request: IncomingMessage,
  parseForm: (body: string) => unknown = parseQuery,
): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return parseForm(await text(request))
  if (type === 'application/json') return JSON.parse(await text(request))
  return undefined
}

async function see(setup: Setup, request: IncomingMessage, auth: unknown, parsed: unknown) {
  const body = parsed ?? (request.readableEnded ? undefined : await text(request))
  setup.seen.push({ auth: auth as AccessToken | undefined, body })
  return JSON.stringify({ subject: (auth as AccessToken | undefined)?.subject ?? null })
}

export const onExpress =
  (express: typeof express5) =>
  (setup: Setup): Listener => {
    const { before, parseBodies } = setup.options
    const app = express()
    app.use((request, response, next) => {
      if (!before?.(request, response, request)) next()
    })
    for (const described of setup.described) app.use(forExpress.resourceMetadata(described))
    if (parseBodies) app.use(express.urlencoded({ extended: true }), express.json())
    const reply: express5.RequestHandler = (request, response, next) => {
      const parsed = parseBodies ? (request.body as unknown) : undefined
      see(setup, request, request.auth, parsed).then((json) => response.end(json), next)
    }
    for (const path of setup.paths) {
      app.all(path, ...stepsOf(setup.routeOf(path), forExpress, setup.validator), reply)
    }
    app.use(...stepsOf(setup.routeOf(''), forExpress, setup.validator), reply)
    const fail: express5.ErrorRequestHandler = (error, _request, response, _next) => {
      setup.failures.push(error)
      if (response.headersSent) return
      response
        .status(error.status ?? 500)
        .set(error.headers)
        .end()
    }
    app.use(fail)
    return app as unknown as Listener
  }

export const onKoa =
  (Koa: typeof Koa3) =>
  (setup: Setup): Listener => {
    const { before, parseBodies } = setup.options
    const app = new Koa()
    app.on('error', (error) => setup.failures.push(error))
    app.use(async (context, next) => {
      if (before?.(context.req, context.res, context.state)) context.respond = false
      else await next()
    })
    for (const described of setup.described) app.use(forKoa.resourceMetadata(described))
    app.use(async (context, next) => {
      if (parseBodies) Object.assign(context.request, { body: await readBody(context.req) })
      await next()
    })
    const routes = new Map(
      ['', ...setup.paths].map((path) => [
        path,
        stepsOf(setup.routeOf(path), forKoa, setup.validator),
      ]),
    )
    app.use(async (context) => {
      const steps = routes.get(context.path) ?? routes.get('') ?? []
      const run = async (index: number): Promise<void> => {
        const step = steps[index]
        if (step !== undefined) return step(context, () => run(index + 1))
        const { body } = context.request as { body?: unknown }
        context.body = await see(setup, context.req, context.state.auth, body)
      }
      await run(0)
    })
    return app.callback()
  }

/** A request of node:http with the members that applications add. */
type Carrier = IncomingMessage & { auth?: unknown; body?: unknown }

const pathOf = (request: IncomingMessage): string => request.url?.split('?')[0] ?? ''

function sendPlainError(setup: Setup, response: ServerResponse, error: unknown): void {
  setup.failures.push(error)
  if (response.headersSent) return
  response.statusCode = (error as { status?: number }).status ?? 500
  response.end()
}

/** The functions of each path, and those that serve metadata. */
function mountOnHttp({ paths, routeOf, validator, described }: Setup) {
  const routes = new Map(
    ['', ...paths].map((path) => [path, stepsOf(routeOf(path), forHttp, validator)]),
  )
  return {
    guardsOf: (request: IncomingMessage) => routes.get(pathOf(request)) ?? routes.get('') ?? [],
    metadata: described.map((one) => forHttp.resourceMetadata(one)),
  }
}

/** Calls the functions one after the other, and awaits their promises. */
export function onHttp(setup: Setup): Listener {
  const { before, parseBodies } = setup.options
  const { guardsOf, metadata } = mountOnHttp(setup)
  return async (request: Carrier, response) => {
    try {
      if (before?.(request, response, request)) return
      for (const serve of metadata) if (await serve(request, response)) return
      if (parseBodies) request.body = await readBody(request)
      for (const guard of guardsOf(request)) {
        if ((await guard(request, response)) === null) return
      }
      response.end(await see(setup, request, request.auth, request.body))
    } catch (error) {
      sendPlainError(setup, response, error)
    }
  }
}

/** Uses the functions as middleware with `next`. Parses forms to URLSearchParams. */
export function onConnect(setup: Setup): Listener {
  const { before, parseBodies } = setup.options
  const { guardsOf, metadata } = mountOnHttp(setup)
  return async (request: Carrier, response) => {
    if (before?.(request, response, request)) return
    if (parseBodies) request.body = await readBody(request, (body) => new URLSearchParams(body))
    const guards = [...metadata, ...guardsOf(request)]
    const run = (index: number, error?: unknown): void => {
      const guard = guards[index]
      if (error !== undefined) sendPlainError(setup, response, error)
      else if (guard !== undefined) {
        guard(request, response, (problem) => run(index + 1, problem)).catch((problem) =>
          sendPlainError(setup, response, problem),
        )
      } else {
        void see(setup, request, request.auth, request.body).then((json) => response.end(json))
      }
    }
    run(0)
  }
}
