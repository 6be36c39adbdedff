/** Browser clients can read a challenge if the application allows them to read the response. */
import type { ServerResponse } from 'node:http'
import cors from 'cors'
import express from 'express'
import Koa from 'koa'
import * as forExpress from 'oauth-resource-server/express'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it } from 'vitest'
import { askOnce, refuseToFetch, withApis } from '../../support/adapters.ts'
import { linesOf, type RawRequest, type RawResponse } from '../../support/exchange.ts'
import { expectEqualAnswers } from '../../support/expectations.ts'
import { fixtureValidator, ISS, t0 } from '../../support/fixture.ts'
import type { ApiOptions } from '../../support/mounted-apis.ts'
import { bearer } from '../../support/requests.ts'

const exposed = 'Access-Control-Expose-Headers'

/** Sends a request to every adapter, after a CORS middleware has set these headers. */
async function answersTo(
  request: RawRequest,
  headers: Readonly<Record<string, string | string[]>>,
  options: ApiOptions = {},
): Promise<RawResponse[]> {
  const before = (_request: unknown, response: ServerResponse) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    return undefined
  }
  const answers: RawResponse[] = []
  await withApis({ ...options, before }, async (apis) => {
    for (const api of apis) answers.push(await api.send(request))
  })
  return answers
}

const allowed = { 'Access-Control-Allow-Origin': 'https://app.test' }
const refused: readonly RawRequest[] = [
  {},
  bearer('a b'),
  bearer(t0({ exp: 1 })),
  bearer(t0(), { path: '/authorized' }),
]

describe('9728-7-cors Access-Control-Expose-Headers', () => {
  it('gains WWW-Authenticate where a refusal is readable for another origin', async () => {
    for (const request of refused) {
      const answers = await answersTo(request, allowed)
      expectEqualAnswers(answers)
      for (const answer of answers) expect(linesOf(answer, exposed)).toEqual(['WWW-Authenticate'])
    }
  })

  it('keeps what the application exposes', async () => {
    const present: Record<string, string | string[]> = {
      ...allowed,
      [exposed]: ['X-A, x-b', 'X-C'],
    }
    for (const answer of await answersTo({}, present)) {
      expect(linesOf(answer, exposed)).toEqual(['X-A, x-b, X-C, WWW-Authenticate'])
    }
    const complete = { ...allowed, [exposed]: 'www-authenticate' }
    for (const answer of await answersTo({}, complete)) {
      expect(linesOf(answer, exposed)).toEqual(['www-authenticate'])
    }
  })

  it('is absent where the application allows no other origin', async () => {
    for (const answer of await answersTo({}, {})) expect(linesOf(answer, exposed)).toEqual([])
  })

  it('is not changed in a response without a challenge', async () => {
    const validator = { issuer: ISS, fetch: refuseToFetch }
    for (const answer of await answersTo(bearer(t0()), allowed, { validator })) {
      expect(answer.status).toBe(503)
      expect(linesOf(answer, exposed)).toEqual([])
    }
    for (const answer of await answersTo(bearer(t0()), allowed)) {
      expect(answer.status).toBe(200)
      expect(linesOf(answer, exposed)).toEqual([])
    }
  })

  it('is in the headers of an error that goes to the framework', async () => {
    const routes = { '/p': { authenticate: { passErrors: true } } }
    for (const answer of await answersTo({}, allowed, { routes })) {
      expect(answer.status).toBe(401)
      expect(linesOf(answer, exposed)).toEqual(['WWW-Authenticate'])
    }
  })

  it('gains it behind the package cors, for its origins only', async () => {
    const app = express()
    app.use(cors({ origin: ['https://app.test'], credentials: true, exposedHeaders: 'X-Total' }))
    app.use(forExpress.authenticate(fixtureValidator()))
    const ask = (origin: string) => askOnce(app, { lines: [`Origin: ${origin}`] })
    const answer = await ask('https://app.test')
    expect(answer.status).toBe(401)
    expect(linesOf(answer, exposed)).toEqual(['X-Total, WWW-Authenticate'])
    expect(linesOf(await ask('https://evil.test'), exposed)).toEqual(['X-Total'])
  })

  it('is still set after the error handling of Koa, which removes all headers except those of the error', async () => {
    const app = new Koa()
    app.silent = true
    app.use((context, next) => {
      context.set(allowed)
      return next()
    })
    app.use(forKoa.authenticate(fixtureValidator(), { passErrors: true }))
    const answer = await askOnce(app.callback(), {})
    expect(answer.status).toBe(401)
    expect(linesOf(answer, exposed)).toEqual(['WWW-Authenticate'])
  })
})
