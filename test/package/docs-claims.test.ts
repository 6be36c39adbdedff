/** The code in the docs that reads claims of Entra ID: runs it with such claims. */
import express from 'express'
import type { Validator } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/express'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlock, createWorkFolder, replaceStrings } from '../support/docs.ts'

const folder = createWorkFolder('claims')
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer({ audience: 'CLIENT_ID' })
})
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

describe('reference: scopes in several claims', () => {
  it.each([
    ['a user', { scp: 'read write' }, ['read', 'write']],
    ['an application', { roles: ['read.all'] }, ['read.all']],
    ['a user with a role', { scp: 'read', roles: ['admin'] }, ['read', 'admin']],
    ['a token without both', {}, []],
  ])('reads the scopes of %s', async (_whose, claims, scopes) => {
    const code = replaceStrings(codeBlock('docs/reference/options.md', 'scopeClaim:'), {
      'https://login.microsoftonline.com/TENANT_ID/v2.0': issuer.issuer,
    })
    const { validator }: { validator: Validator } = await import(folder.write('scopes.ts', code))
    expect((await validator.validate(await issuer.token(claims))).scopes).toEqual(scopes)
  })
})

describe('guide: step-up with another claim', () => {
  it('accepts a token with the context, and challenges others without acr_values', async () => {
    const code = codeBlock('docs/guides/step-up.md', 'acrs')
    const { requireContext } = await import(folder.write('context.ts', code))
    const app = express()
    app.use(authenticate({ issuer: issuer.issuer, audience: issuer.audience }))
    app.get('/', requireContext, (_req, res) => {
      res.json([])
    })
    const send = async (claims: Record<string, unknown>) =>
      await request(app)
        .get('/')
        .auth(await issuer.token(claims), { type: 'bearer' })
    expect((await send({ acrs: ['c1'] })).status).toBe(200)
    const refused = await send({ acrs: ['c2'] })
    expect(refused.status).toBe(403)
    expect(refused.headers['www-authenticate']).toMatch(
      /error="insufficient_scope"(?!.*acr_values)/,
    )
    expect((await send({})).status).toBe(403)
  })
})
