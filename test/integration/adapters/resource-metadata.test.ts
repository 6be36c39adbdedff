/** The metadata document in mounted routers, and failures of its responses. */
import express from 'express'
import Koa from 'koa'
import type { Validator } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it } from 'vitest'
import { askOnce } from '../../support/adapters.ts'
import { AUD, fixtureOptions, fixtureValidator } from '../../support/fixture.ts'
import { express4, Koa2 } from '../../support/mounted-apis.ts'

const path = '/.well-known/oauth-protected-resource/api'
const validator = fixtureValidator({ resource: AUD })
const request = { path }

function expectDocument({ status, body }: { status: number; body: string }): void {
  expect(status).toBe(200)
  expect(JSON.parse(body)).toMatchObject({ resource: AUD })
}

describe('the metadata document is served', () => {
  for (const [name, create] of Object.entries({ 'Express 5': express, 'Express 4': express4 })) {
    it(`9728-mount at the root while the API is under a path: ${name}`, async () => {
      const app = create()
      app.use(forExpress.resourceMetadata(validator))
      const api = create.Router()
      api.use(forExpress.authenticate(validator))
      app.use('/api', api)
      expectDocument(await askOnce(app, request))
      expect(await askOnce(app, { path: '/api/x' })).toMatchObject({ status: 401 })
      expect(await askOnce(app, { path: `/api${path}` })).toMatchObject({ status: 401 })
      expect(await askOnce(app, { path: '/other' })).toMatchObject({ status: 404 })
    })

    it(`9728-mount by a router that is mounted under a path: ${name}`, async () => {
      const app = create()
      const router = create.Router()
      router.use(forExpress.resourceMetadata(validator))
      app.use('/.well-known', router)
      app.use('/mounted', router)
      expectDocument(await askOnce(app, request))
      // The whole path is compared, not the rest of it in a router.
      expect(await askOnce(app, { path: `/mounted${path}` })).toMatchObject({ status: 404 })
    })
  }

  for (const [name, Application] of Object.entries({ 'Koa 3': Koa, 'Koa 2': Koa2 })) {
    it(`9728-mount by an application that is mounted in Express: ${name}`, async () => {
      const inner = new Application()
      inner.use(forKoa.resourceMetadata(validator))
      const app = express()
      app.use('/.well-known', inner.callback())
      expectDocument(await askOnce(app, request))
    })

    it(`9728-mount behind a middleware that rewrites the URL: ${name}`, async () => {
      const app = new Application()
      app.use(async (context, next) => {
        context.url = '/rewritten'
        await next()
      })
      app.use(forKoa.resourceMetadata(validator))
      expectDocument(await askOnce(app.callback(), request))
    })
  }

  it('9728-mount by node:http, mounted in Express and as the request listener', async () => {
    const serve = forHttp.resourceMetadata(validator)
    const app = express()
    app.use('/.well-known', (incoming, response, next) => void serve(incoming, response, next))
    expectDocument(await askOnce(app, request))
    const listener = forHttp.resourceMetadata(validator)
    expectDocument(await askOnce((incoming, response) => listener(incoming, response), request))
  })

  it('by node:http, which resolves to whether it has responded', async () => {
    const serve = forHttp.resourceMetadata(validator)
    const returned: unknown[] = []
    const ask = (target: string) =>
      askOnce(
        async (incoming, response) => {
          returned.push(await serve(incoming, response))
          if (!response.writableEnded) response.writeHead(404).end()
        },
        { path: target },
      )
    expectDocument(await ask(path))
    expect(await ask('/other')).toMatchObject({ status: 404 })
    expect(returned).toEqual([true, false])
  })
})

describe('resourceMetadata', () => {
  const adapters = { express: forExpress, koa: forKoa, http: forHttp }

  for (const [name, { resourceMetadata }] of Object.entries(adapters)) {
    it(`throws a TypeError that names the option where resource is not set: ${name}`, () => {
      const message = 'resourceMetadata takes a validator that has the option resource'
      for (const wrong of [fixtureValidator(), fixtureOptions({ resource: AUD }), {}, undefined]) {
        expect(() => resourceMetadata(wrong as Validator)).toThrow(new TypeError(message))
      }
    })
  }

  const brokenRequest = {
    headers: {},
    get url(): string {
      throw 'no url'
    },
  }
  const brokenResponse = {
    setHeader() {
      throw undefined
    },
  }
  const broken = [
    [brokenRequest, {}],
    [{ url: path, headers: {} }, brokenResponse],
    [{ url: path, headers: {} }, {}],
    [undefined, undefined],
  ] as const

  it('passes what request and response throw to next, once, as an Error', async () => {
    for (const [incoming, response] of broken) {
      const calls: unknown[][] = []
      const next = (...values: unknown[]) => calls.push(values)
      forExpress.resourceMetadata(validator)(incoming as never, response as never, next)
      await forHttp.resourceMetadata(validator)(incoming as never, response as never, next)
      expect(calls).toEqual([[expect.any(Error)], [expect.any(Error)]])
    }
  })

  it('rejects with an Error where there is no next', async () => {
    for (const [incoming, response] of broken) {
      const served = forHttp.resourceMetadata(validator)(incoming as never, response as never)
      await expect(served).rejects.toBeInstanceOf(Error)
      const context = incoming && { req: incoming, res: response, originalUrl: path }
      const next = async () => expect.fail('next was called')
      await expect(
        forKoa.resourceMetadata(validator)(context as never, next),
      ).rejects.toBeInstanceOf(Error)
    }
  })

  it('does not handle an error of a later middleware as its own', async () => {
    const failure = new Error('later')
    const context = { req: {}, res: {}, originalUrl: '/other', url: '/other' }
    const served = forKoa.resourceMetadata(validator)(context as never, async () => {
      throw failure
    })
    await expect(served).rejects.toBe(failure)
  })
})
