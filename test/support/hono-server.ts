/** The API of `servers.ts` on a web-standard server: Hono, by way of its adapter for Node. */
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type { AccessToken } from 'oauth-resource-server'
import { authenticate, resourceMetadata } from 'oauth-resource-server/fetch'
import type { Listener, Setup } from './mounted-apis.ts'

/** Only the option `requirement` exists here, and no `authorize`: see `canSend` in expectations.ts. */
export function onHono(setup: Setup): Listener {
  const app = new Hono()
  const metadata = setup.described.map((described) => resourceMetadata(described))
  app.use(async ({ req }, next) => {
    for (const respond of metadata) {
      const response = respond(req.raw)
      if (response !== undefined) return response
    }
    return await next()
  })
  for (const path of setup.paths) app.all(path, createHandler(setup, path))
  app.notFound(createHandler(setup, ''))
  app.onError((error) => {
    setup.failures.push(error)
    return new Response(null, { status: 500 })
  })
  return getRequestListener(app.fetch)
}

function createHandler(setup: Setup, path: string) {
  const route = setup.routeOf(path)
  const { requirement } = route.authenticate || {}
  const times = route.authenticate === false ? 0 : (route.times ?? 1)
  const authentications = Array.from({ length: times }, () =>
    authenticate(setup.validator, { requirement }),
  )
  return async ({ req }: Context): Promise<Response> => {
    let auth: AccessToken | undefined
    for (const check of authentications) {
      const outcome = await check(req.raw)
      if (outcome instanceof Response) return outcome
      auth = outcome
    }
    setup.seen.push({ auth, body: await req.text() })
    return new Response(JSON.stringify({ subject: auth?.subject ?? null }))
  }
}
