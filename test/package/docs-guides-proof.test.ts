/** The guides about DPoP and mutual TLS: every row of their tables of behaviour, and their code. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createValidator,
  type HttpRequest,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { docsFile, sectionOf } from '../support/docs.ts'
import { createGuideRunner, publicIssuer } from '../support/guides.ts'

const publicUrl = 'https://api.example.com'
const url = `${publicUrl}/reports`

let issuer: TestIssuer
beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterAll(() => issuer.close())

/** The rows of the table in a guide, without its head. */
function behaviourOf(guide: string): string[][] {
  const section = sectionOf(docsFile(`docs/guides/${guide}.md`), 'Behaviour')
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const validatorWith = (options: Partial<ValidatorOptions>): Validator =>
  createValidator({ issuer: issuer.issuer, audience: issuer.audience, publicUrl, ...options })

function outcomeOf(validator: Validator, request: HttpRequest): Promise<string> {
  return validator.authenticate(request).then(
    () => '200',
    ({ status, body }) => [status, ...(body === undefined ? [] : [body.error])].join(' '),
  )
}

const dpopRows = behaviourOf('dpop')

describe('guide: DPoP', () => {
  it.each(dpopRows)('%s, %s, proof %s: %s; required: %s; off: %s', async (...row) => {
    const [token = '', scheme = '', proof = '', ...expected] = row
    const client = issuer.dpopClient()
    const tokens: Record<string, () => Promise<string>> = {
      none: async () => '',
      'not bound': () => issuer.token(),
      bound: () => client.token(),
      expired: () => client.token({ exp: 1_000_000_000 }),
    }
    const text = await (tokens[token] as () => Promise<string>)()
    const proofs: Record<string, () => Promise<string | undefined>> = {
      none: async () => undefined,
      valid: () => client.proof({ url, token: text }),
      'used before': () => client.proof({ url, token: text }),
      'for another request': () => client.proof({ url: `${publicUrl}/other`, token: text }),
      'by another key': () => issuer.dpopClient().proof({ url, token: text }),
    }
    const settings = [{ dpop: true }, { dpop: { required: true } }, {}]
    const outcomes: string[] = []
    for (const setting of settings) {
      const dpop = await (proofs[proof] as () => Promise<string | undefined>)()
      const schemes: Record<string, string[]> = {
        none: [],
        both: [`Bearer ${text}`, `DPoP ${text}`],
      }
      const authorization = schemes[scheme] ?? [`${scheme} ${text}`]
      const request = { method: 'GET', url: '/reports', headers: { authorization, dpop } }
      const validator = validatorWith(setting)
      if (proof === 'used before') await outcomeOf(validator, request)
      outcomes.push(await outcomeOf(validator, request))
    }
    expect(outcomes).toEqual(expected)
  })

  it('has a table', () => {
    expect(dpopRows.length).toBeGreaterThan(12)
  })
})

const mtlsRows = behaviourOf('mtls')

describe('guide: mutual TLS', () => {
  it.each(mtlsRows)('%s, %s, certificate %s: %s; required: %s; off: %s', async (...row) => {
    const [token = '', scheme = '', certificate = '', ...expected] = row
    const client = issuer.clientCertificate()
    const other = issuer.clientCertificate()
    const text = token === 'bound' ? await client.token() : await issuer.token()
    const certificates: Record<string, string | undefined> = {
      'its own': client.cert,
      any: other.cert,
      another: other.cert,
      none: undefined,
    }
    expect(Object.keys(certificates)).toContain(certificate)
    const source = () => certificates[certificate]
    const settings: Partial<ValidatorOptions>[] = [
      { mtls: { certificate: source } },
      { mtls: { certificate: source, required: true } },
      {},
    ]
    const request = { headers: { authorization: `${scheme} ${text}` } }
    const outcomes = await Promise.all(
      settings.map((setting) => outcomeOf(validatorWith(setting), request)),
    )
    expect(outcomes).toEqual(expected)
  })

  it('has a table', () => {
    expect(mtlsRows.length).toBeGreaterThan(5)
  })
})

interface ClientGuide {
  createApiClient(): Promise<(url: URL) => Promise<Response>>
}

describe('guide: clients with DPoP', () => {
  const guides = createGuideRunner('dpop-client')
  afterEach(() => guides.end())
  afterAll(() => guides.folder.remove())

  /** An API with nonces. */
  async function startApi() {
    const statuses: number[] = []
    let guard: ReturnType<typeof authenticate> | undefined
    const server = createServer(async (request, response) => {
      response.on('finish', () => statuses.push(response.statusCode))
      const token = await guard?.(request, response)
      if (token) response.end(token.proofs.join())
    }).listen(0, '127.0.0.1')
    guides.atEnd(() => server.close())
    await once(server, 'listening')
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const dpop = { required: true, nonce: { secret: new Uint8Array(32) } }
    guard = authenticate({ issuer: issuer.issuer, audience: issuer.audience, publicUrl: api, dpop })
    return { url: new URL(`${api}/reports?page=1`), statuses }
  }

  it.each([
    [
      'openid-client',
      { 'undefined, secret)': 'undefined, secret, { execute: [client.allowInsecureRequests] })' },
    ],
    ['oauth4webapi', { 'http = {}': 'http = { [oauth.allowInsecureRequests]: true }' }],
  ])('%s gets a bound token from the test kit and answers a nonce', async (name, http) => {
    const { url, statuses } = await startApi()
    const guide = await guides.importGuide<ClientGuide>('dpop-client', `from '${name}'`, {
      [publicIssuer]: issuer.issuer,
      ...http,
    })
    const request = await guide.createApiClient()
    for (let count = 0; count < 2; count++) {
      const response = await request(url)
      expect([response.status, await response.text()]).toEqual([200, 'dpop'])
    }
    expect(statuses).toEqual([401, 200, 200])
  })
})
