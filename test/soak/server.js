// @ts-check
/** The API of the soak test: node:http, with DPoP and introspection. Reports its memory when asked. */
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'

const { build, issuer, audience, introspectionMaxAge } = JSON.parse(process.argv[2] ?? '')
const { authenticate, authorize } = await import(pathToFileURL(`${build}/adapters/http.js`).href)

const server = createServer(async (request, response) => {
  if (!(await authenticated(request, response))) return
  if (!(await authorized(request, response))) return
  response.end('{"ok":true}')
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())

const authenticated = authenticate({
  issuer: {
    issuer,
    introspection: {
      authentication: {
        method: 'client_secret_basic',
        clientId: 'test-client',
        clientSecret: 'test-secret',
      },
      maxAge: introspectionMaxAge,
      inactiveMaxAge: introspectionMaxAge,
    },
  },
  audience,
  publicUrl: `http://127.0.0.1:${port}`,
  dpop: true,
})
const authorized = authorize({ scopes: 'read:reports' })

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', () => {
  const delayP99 = delay.percentile(99) / 1e6
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  process.send?.({ heap: heapUsed, resident: rss, delayP99 })
  delay.reset()
})
process.on('disconnect', () => process.exit())
process.send?.(port)
