/** The guides about DPoP and mutual TLS: every row of their tables of behaviour, and their code. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createValidator,
  type HttpRequest,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { docsFile, sectionOf } from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'
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

interface ProxyGuide {
  readonly server: Server
}

describe('guide: a certificate from a proxy', () => {
  const guides = createGuideRunner('mtls-proxy')
  afterEach(() => guides.end())
  afterAll(() => guides.folder.remove())

  async function statusAt(options: RequestOptions): Promise<number | undefined> {
    const { cert, token } = issuer.clientCertificate()
    const headers = {
      authorization: `Bearer ${await token()}`,
      'x-client-cert': encodeURIComponent(cert),
    }
    const [response] = await once(request({ ...options, headers, agent: false }).end(), 'response')
    response.resume()
    return response.statusCode
  }

  async function importServer(proxy: string): Promise<Server> {
    const { server } = await guides.importGuide<ProxyGuide>('mtls', 'export function trusted', {
      [publicIssuer]: issuer.issuer,
      '10.0.0.5': proxy,
    })
    guides.atEnd(() => server.close())
    return server
  }

  it.each<[string, string | undefined]>([
    ['the default address', undefined],
    ['an IPv4 address', '127.0.0.1'],
  ])('trusts the proxy where the server listens on %s', async (_, host) => {
    for (const [proxy, expected] of [
      ['127.0.0.1', 200],
      ['127.0.0.2', 401],
    ] as const) {
      const server = await importServer(proxy)
      await once(server.listen(0, host), 'listening')
      const { port } = server.address() as AddressInfo
      expect(await statusAt({ host: '127.0.0.1', port })).toBe(expected)
    }
  })

  const variants = [
    ...docsFile('docs/guides/mtls.md').text.matchAll(/^\|.*\| `(\(\{ socket.*)` \|$/gm),
  ]

  it('has a variant for a port and one for a Unix socket, and they work', async () => {
    expect(variants).toHaveLength(2)
    const port = await freePort()
    const [ofPort, ofSocket] = await Promise.all(
      variants.map(async ([, code], index) => {
        const text = `export const trusted = ${code?.replace('3001', String(port))}`
        const file = guides.folder.write(`trusted-${index}.ts`, text)
        return (await import(file)).trusted as (request: IncomingMessage) => boolean
      }),
    )
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      response.end(JSON.stringify([ofPort?.(request), ofSocket?.(request)]))
    }
    const ask = async (options: RequestOptions) => {
      const [response] = await once(request({ ...options, agent: false }).end(), 'response')
      return JSON.parse(Buffer.concat(await response.toArray()).toString())
    }
    const socketPath = join(tmpdir(), `mtls-${process.pid}.sock`)
    const onSocket = createServer(listener).listen(socketPath)
    const onPort = createServer(listener).listen(port, '127.0.0.1')
    guides.atEnd(() => [onSocket.close(), onPort.close()])
    await Promise.all([once(onSocket, 'listening'), once(onPort, 'listening')])
    expect(await ask({ socketPath })).toEqual([false, true])
    expect(await ask({ host: '127.0.0.1', port })).toEqual([true, false])
  })
})
