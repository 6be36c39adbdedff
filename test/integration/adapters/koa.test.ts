/** Koa 2 and 3. */
import Koa3 from 'koa'
import { InvalidTokenError } from 'oauth-resource-server'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it } from 'vitest'
import { askOnce, refuseToFetch } from '../../support/adapters.ts'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { linesOf, type RawRequest } from '../../support/exchange.ts'
import { fixtureValidator, ISS, t0 } from '../../support/fixture.ts'
import { Koa2 } from '../../support/mounted-apis.ts'
import { bearer } from '../../support/requests.ts'

const T0 = t0()
const expired = t0({ exp: 1 })

describe('Koa', () => {
  const versions = { 'Koa 3': Koa3, 'Koa 2': Koa2 }

  for (const [name, Koa] of Object.entries(versions)) {
    const serve = (...middleware: Koa3.Middleware[]) => {
      const app = new Koa()
      app.silent = true
      for (const step of middleware) app.use(step)
      return (request: RawRequest) => askOnce(app.callback(), request)
    }
    const passing = forKoa.authenticate(fixtureValidator(), { passErrors: true })

    it(`AD-koa-a a thrown error keeps its headers, line by line, and its message: ${name}`, async () => {
      const ask = serve(async (context, next) => {
        context.set('WWW-Authenticate', 'Basic realm="x"')
        await next()
      }, passing)
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      const lines = linesOf(answer, 'WWW-Authenticate')
      expect(lines).toHaveLength(2)
      expect(lines.flatMap(parseChallenges)).toMatchObject([
        { scheme: 'Basic' },
        { scheme: 'Bearer', parameters: { error: 'invalid_token' } },
      ])
      expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
      expect(answer.body).toBe('The access token expired')
    })

    it(`AD-koa-a a thrown 503 does not show its message: ${name}`, async () => {
      const validator = fixtureValidator({ issuer: ISS, fetch: refuseToFetch })
      const answer = await serve(forKoa.authenticate(validator, { passErrors: true }))(bearer(T0))
      expect(answer).toMatchObject({ status: 503, body: 'Service Unavailable' })
      expect(linesOf(answer, 'Retry-After')).toHaveLength(1)
    })

    it(`AD-koa-b the response is not replaced by the body of a 404, nor by later middleware: ${name}`, async () => {
      const ask = serve(async (_context, next) => {
        await next()
      }, forKoa.authenticate(fixtureValidator()))
      expect(await ask({})).toMatchObject({ status: 401, body: '' })
      expect(linesOf(await ask({}), 'Content-Type')).toEqual([])
      const body = JSON.stringify(new InvalidTokenError('expired').body)
      expect(await ask(bearer(expired))).toMatchObject({ status: 401, body })
    })

    it(`with passErrors, a text is sent as a text: ${name}`, async () => {
      const ask = serve(async (context, next) => {
        await next().catch((error) => {
          context.body = error.message
        })
      }, passing)
      for (const request of [{}, bearer(expired)]) {
        const answer = await ask(request)
        expect(answer.status).toBe(401)
        expect(linesOf(answer, 'Content-Type')).toEqual(['text/plain; charset=utf-8'])
      }
    })

    it(`AD-koa-b an outer middleware can catch the error and respond itself: ${name}`, async () => {
      const ask = serve(async (context, next) => {
        try {
          await next()
        } catch (error) {
          const { status, code } = error as InvalidTokenError
          context.status = status
          context.body = { code, auth: context.state.auth ?? null }
        }
      }, passing)
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      expect(JSON.parse(answer.body)).toEqual({ code: 'invalid_token', auth: null })
      expect(linesOf(answer, 'WWW-Authenticate')).toHaveLength(1)
    })
  }
})
