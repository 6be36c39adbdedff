/** Two copies of the package in one process, as with workspaces, `npm link` and test runners. */
import express from 'express'
import Koa from 'koa'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { askOnce } from '../../support/adapters.ts'
import { linesOf } from '../../support/exchange.ts'
import { fixtureOptions, t0 } from '../../support/fixture.ts'
import { bearer, form } from '../../support/requests.ts'

async function load() {
  vi.resetModules()
  const [core, forExpress, forKoa, forHttp, forMcp, requirements] = await Promise.all([
    import('oauth-resource-server'),
    import('oauth-resource-server/express'),
    import('oauth-resource-server/koa'),
    import('oauth-resource-server/http'),
    import('oauth-resource-server/mcp'),
    import('../../../src/requirement/requirement.ts'),
  ])
  return { ...core, forExpress, forKoa, forHttp, forMcp, ...requirements }
}

let one: Awaited<ReturnType<typeof load>>
let two: Awaited<ReturnType<typeof load>>
beforeAll(async () => {
  one = await load()
  two = await load()
})

const options = fixtureOptions()
const read = { scopes: 'read:a' }
const write = { scopes: 'write:a' }

describe('errors of another copy', () => {
  it('are of two separate copies', () => {
    expect(one.AccessTokenError).not.toBe(two.AccessTokenError)
    expect(one.createValidator).not.toBe(two.createValidator)
  })

  it('are instances of the same classes, and of no other', () => {
    const classes = [
      'AccessTokenError',
      'MissingTokenError',
      'InvalidRequestError',
      'InvalidTokenError',
      'InsufficientScopeError',
      'ServiceUnavailableError',
    ] as const
    const errors = [
      new one.MissingTokenError(),
      new one.InvalidRequestError('no'),
      new one.InvalidTokenError('expired'),
      new one.InsufficientScopeError(['a']),
      new one.ServiceUnavailableError('keys', 1),
    ]
    for (const error of errors) {
      const names = classes.filter((name) => error instanceof two[name])
      expect(names).toEqual(['AccessTokenError', error.name])
      expect(classes.filter((name) => error instanceof one[name])).toEqual(names)
    }
  })

  it('no other value is an instance, and a subclass has only its own instances', () => {
    class OwnError extends two.InvalidTokenError {}
    expect(new one.InvalidTokenError('expired')).not.toBeInstanceOf(OwnError)
    expect(new OwnError('expired')).toBeInstanceOf(OwnError)
    expect(new OwnError('expired')).toBeInstanceOf(one.InvalidTokenError)
    const forged = { name: 'InvalidTokenError', code: 'invalid_token', status: 401 }
    const values = [new Error('x'), Object.assign(new Error('x'), forged), forged, null, undefined]
    for (const value of values) expect(value instanceof two.AccessTokenError).toBe(false)
    const trapped = new Proxy(new Error(), {
      get() {
        throw new Error('a trap ran')
      },
    })
    expect(trapped instanceof two.AccessTokenError).toBe(false)
  })
})

describe('an authentication of another copy', () => {
  it('is used by authorize and accessToken of Express', async () => {
    const app = express()
    app.use(one.forExpress.authenticate(options))
    app.get('/read', two.forExpress.authorize(read), (request, response) => {
      response.end(two.forExpress.accessToken(request).subject)
    })
    app.get('/write', two.forExpress.authorize(write), (_request, response) => {
      response.end()
    })
    expect(await askOnce(app, bearer(t0(), { path: '/read' }))).toMatchObject({ body: 'user-1' })
    const refused = await askOnce(app, bearer(t0(), { path: '/write' }))
    expect(refused.status).toBe(403)
    expect(linesOf(refused, 'WWW-Authenticate')).toEqual([
      expect.stringContaining('scope="write:a"'),
    ])
  })

  it('is used by authorize and accessToken of Koa', async () => {
    const app = new Koa()
    app.use(one.forKoa.authenticate(options))
    app.use((context, next) =>
      two.forKoa.authorize(context.path === '/write' ? write : read)(context, next),
    )
    app.use((context) => {
      context.body = two.forKoa.accessToken(context).subject
    })
    expect(await askOnce(app.callback(), bearer(t0()))).toMatchObject({ body: 'user-1' })
    expect((await askOnce(app.callback(), bearer(t0(), { path: '/write' }))).status).toBe(403)
  })

  it('is used by authorize and accessToken of node:http, anonymous ones included', async () => {
    const outcomes: unknown[] = []
    const listener: Parameters<typeof askOnce>[0] = async (request, response) => {
      outcomes.push(await one.forHttp.authenticate(options, { optional: true })(request, response))
      const token = await two.forHttp.authorize(read)(request, response)
      if (token) response.end(two.forHttp.accessToken(request).subject)
    }
    expect(await askOnce(listener, bearer(t0()))).toMatchObject({ status: 200, body: 'user-1' })
    expect(await askOnce(listener, {})).toMatchObject({ status: 401 })
    expect(outcomes).toMatchObject([{ subject: 'user-1' }, undefined])
  })

  it('passes a refusal to the framework if it was mounted with passErrors', async () => {
    const app = express()
    app.use(one.forExpress.authenticate(options, { passErrors: true }))
    app.use(two.forExpress.authorize(write))
    const fail: express.ErrorRequestHandler = (error, _request, response, _next) => {
      const isOurs = error instanceof two.InsufficientScopeError
      response.status(error.status).json({ isOurs })
    }
    app.use(fail)
    expect(await askOnce(app, bearer(t0()))).toMatchObject({ status: 403, body: '{"isOurs":true}' })
  })

  it('may come from a validator and a compiled requirement of another copy', async () => {
    const validator = one.createValidator(fixtureOptions({ tokenLocations: ['query'] }))
    const requirement = one.compileRequirement(read, 'requirement')
    const app = express()
    app.use(two.forExpress.authenticate(validator, { optional: true, requirement }))
    app.use((request, response) => {
      response.end(String(request.auth?.subject))
    })
    const accepted = await askOnce(app, { path: `/?access_token=${t0()}` })
    expect(accepted).toMatchObject({ status: 200, body: 'user-1' })
    expect(linesOf(accepted, 'Cache-Control')).toEqual(['private'])
    expect(await askOnce(app, {})).toMatchObject({ status: 200, body: 'undefined' })
    const other = await askOnce(app, { path: `/?access_token=${t0({ scope: 'other' })}` })
    expect(other.status).toBe(403)
  })

  it('is refused without an error code where the toolScopes of another copy does not list the tool', async () => {
    const app = express()
    app.use(one.forExpress.authenticate(options))
    app.use(express.json(), two.forMcp.toolScopes({ send_mail: 'read:a' }))
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'unlisted' } }
    const body = JSON.stringify(call)
    const refused = await askOnce(app, form(body, bearer(t0()), 'application/json'))
    expect(refused.status).toBe(403)
    expect(linesOf(refused, 'WWW-Authenticate')).toEqual(['Bearer realm="https://rs.test/api"'])
    expect(JSON.parse(refused.body)).toMatchObject({ error: { code: -32602 } })
  })

  it('is refused with a message that names the cause if the versions do not fit', async () => {
    const failures: unknown[] = []
    await askOnce(async (request, response) => {
      await one.forHttp.authenticate(options)(request, response)
      for (const key of Object.getOwnPropertySymbols(request)) {
        const { [key]: record } = request as unknown as Record<symbol, { context?: object }>
        if (record?.context === undefined) continue
        const later = { ...record, context: { ...record.context, recordVersion: 99 } }
        Object.assign(request, { [key]: later })
      }
      await two.forHttp
        .authorize(read)(request, response)
        .catch((error) => failures.push(error))
      expect(() => two.forHttp.accessToken(request)).toThrow(/two versions/)
    }, bearer(t0()))
    expect(failures).toMatchObject([
      { message: expect.stringContaining('two versions of oauth-resource-server') },
    ])
  })

  it('a requirement with an unknown option of another copy is refused with the name of the option', () => {
    const foreign = { scopes: [], anyScope: [] }
    const source = Symbol.for('oauth-resource-server.requirement')
    Object.assign(foreign, { [source]: { scopes: ['a'], mood: 'good' } })
    expect(() => two.compileRequirement(foreign, 'authorize')).toThrow(
      /another copy of oauth-resource-server, has no option "mood"/,
    )
  })

  it('cannot be forged by a parsed body or by named properties', async () => {
    const names = ['auth', 'oauth-resource-server.authentication', 'Symbol(oauth-resource-server)']
    await askOnce(async (request, response) => {
      const token = { scopes: ['read:a'], subject: 'admin' }
      for (const name of names) Object.assign(request, { [name]: { token, context: {} } })
      const failure = await two.forHttp
        .authorize(read)(request, response)
        .catch((error) => error)
      expect(failure.message).toContain('mount authenticate()')
      expect(() => two.forHttp.accessToken(request)).toThrow('mount authenticate()')
    }, bearer(t0()))
  })
})
