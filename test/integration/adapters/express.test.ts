/** Express 4 and 5. */
import { createRequire } from 'node:module'
import express5 from 'express'
import { InvalidTokenError } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import { describe, expect, it } from 'vitest'
import { askOnce } from '../../support/adapters.ts'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { linesOf, type RawRequest } from '../../support/exchange.ts'
import { AUD, fixtureValidator, t0 } from '../../support/fixture.ts'
import { express4 } from '../../support/mounted-apis.ts'
import { authorization, bearer } from '../../support/requests.ts'
import { adapterNames } from '../../support/servers.ts'

const require = createRequire(import.meta.url)

const T0 = t0()
const expired = t0({ exp: 1 })
const both = 'read:a write:a'

describe('Express', () => {
  const versions = { 'Express 5': express5, 'Express 4': express4 }

  for (const [name, express] of Object.entries(versions)) {
    /** An application that passes refusals to `handler`, or to Express itself. */
    const withHandler = (handler?: express5.ErrorRequestHandler) => {
      const app = express()
      const validator = fixtureValidator()
      app.get('/p', forExpress.authenticate(validator, { passErrors: true }))
      app.get(
        '/authorized',
        forExpress.authenticate(validator, { passErrors: true }),
        forExpress.authorize({ scopes: both }),
      )
      if (handler) app.use(handler)
      return (request: RawRequest) => askOnce(app, request)
    }

    it(`AD-exp-a an error handler that reads only err.status and err.headers responds correctly: ${name}`, async () => {
      const ask = withHandler((error, _request, response, _next) => {
        for (const field of response.getHeaderNames()) response.removeHeader(field)
        response.status(error.status).set(error.headers).end()
      })
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'invalid_token' } },
      ])
    })

    it(`with passErrors, a text is sent as a text: ${name}`, async () => {
      const ask = withHandler((error, _request, response, _next) => {
        response.send(error.message)
      })
      for (const request of [{}, bearer(expired)]) {
        const answer = await ask(request)
        expect(answer.status).toBe(401)
        expect(linesOf(answer, 'Content-Type')).toEqual(['text/html; charset=utf-8'])
      }
    })

    it(`AD-exp-a an error handler that reads only err.status responds with the headers: ${name}`, async () => {
      const seen: unknown[] = []
      const ask = withHandler((error, request, response, _next) => {
        seen.push(error, request.auth)
        response.status(error.status).end()
      })
      const answer = await ask(bearer(T0, { path: '/authorized' }))
      expect(answer.status).toBe(403)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'insufficient_scope', scope: both } },
      ])
      expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
      expect(seen).toMatchObject([{ status: 403, expose: true }, { subject: 'user-1' }])
    })

    it(`AD-exp-a without an error handler, Express responds with status and headers: ${name}`, async () => {
      const answer = await withHandler()(authorization('Bearer a b'))
      expect(answer.status).toBe(400)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'invalid_request' } },
      ])
      expect(answer.body).not.toMatch(/\n\s*at /)
    })

    it(`AD-exp-b a mounted router, a trusted proxy and forwarding headers do not change the response: ${name}`, async () => {
      const app = express()
      app.set('trust proxy', true)
      const router = express.Router()
      router.use(forExpress.authenticate(fixtureValidator({ tokenLocations: ['query'] })))
      router.get('/p', (request, response) => void response.end(request.auth?.subject))
      app.use('/api', router)
      const lines = ['X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: https']
      const good = await askOnce(app, { path: `/api/p?access_token=${T0}`, lines })
      expect(good).toMatchObject({ status: 200, body: 'user-1' })
      const bad = await askOnce(app, { path: '/api/p', lines })
      expect(linesOf(bad, 'WWW-Authenticate')).toEqual([`Bearer realm="${AUD}"`])
    })

    it(`AD-exp-c an error of the handler is passed to the error handler, not to the middleware: ${name}`, async () => {
      const app = express()
      app.use(forExpress.authenticate(fixtureValidator()))
      app.use(() => {
        throw new InvalidTokenError('expired')
      })
      const caught: unknown[] = []
      const fail: express5.ErrorRequestHandler = (error, _request, response, _next) => {
        caught.push(error)
        response.status(418).end()
      }
      app.use(fail)
      // The second time the token is cached, and the handler runs before anything is awaited.
      for (let time = 1; time <= 2; time++) {
        expect((await askOnce(app, bearer(T0))).status).toBe(418)
        expect(caught.splice(0)).toEqual([new InvalidTokenError('expired')])
      }
    })
  }

  it('AD-exp-c the suite runs on Express 4 and 5', () => {
    const version = (name: string) => require(`${name}/package.json`).version as string
    expect(version('express')).toMatch(/^5\./)
    expect(version('express4')).toMatch(/^4\./)
    expect(adapterNames).toEqual(expect.arrayContaining(['express 4', 'express 5']))
  })
})
