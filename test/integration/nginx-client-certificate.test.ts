/** The client certificate behind a real nginx with the configuration of the guide. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { HttpRequest } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createGetCertificateThumbprint } from '../../src/credentials/client-certificate.ts'
import { makeCertificate } from '../support/certificate.ts'
import { codeBlocks, replaceStrings } from '../support/docs.ts'
import { fixtureOptions, t0 } from '../support/fixture.ts'
import { nginxPath, startNginx } from '../support/nginx.ts'

const run = promisify(execFile)
const serverCertificate = await makeCertificate()
const client = await makeCertificate({ commonName: 'client' })
const header = 'X-Client-Cert'

describe.skipIf(nginxPath === undefined)('a client certificate from nginx', () => {
  let upstream: Server
  let direct: Server
  let nginx: Awaited<ReturnType<typeof startNginx>>

  const portOf = (server: Server) => (server.address() as AddressInfo).port

  /** The port of the listener that only the proxy can reach in production. */
  const trusted = ({ socket }: HttpRequest) => (socket as Socket).localPort === portOf(upstream)
  const getThumbprint = createGetCertificateThumbprint({
    header: header.toLowerCase(),
    format: 'escaped-pem',
    trusted,
  })

  const authenticateRequest = authenticate(
    fixtureOptions({ mtls: { certificate: { header, format: 'escaped-pem', trusted } } }),
  )

  async function listen(): Promise<Server> {
    const server = createServer(async (request, response) => {
      if (!request.url?.endsWith('/token')) {
        response.end(JSON.stringify({ thumbprint: getThumbprint(request) ?? null }))
        return
      }
      const token = await authenticateRequest(request, response)
      if (token) response.end(JSON.stringify(token.proofs))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  beforeAll(async () => {
    upstream = await listen()
    direct = await listen()
    nginx = await startNginx({
      certificate: serverCertificate,
      upstreamPort: portOf(upstream),
      server: codeBlocks.find(({ language }) => language === 'nginx')?.code ?? '',
    })
  })

  afterAll(async () => {
    await nginx.stop()
    upstream.close()
    direct.close()
  })

  async function ask(identity: { key?: string; cert?: string }, headers: object, path = '/') {
    const { port } = nginx
    const options = { host: '127.0.0.1', servername: 'localhost', ca: serverCertificate.cert }
    const { key, cert } = identity
    const all = { ...options, port, path, key, cert, headers: { ...headers }, agent: false }
    const sent = httpsRequest(all).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const body = JSON.parse(Buffer.concat(await response.toArray()).toString())
    return { status: response.statusCode, body }
  }

  async function thumbprintOf(identity: { key?: string; cert?: string }, headers = {}) {
    return (await ask(identity, headers)).body.thumbprint
  }

  it('8705-6.5-a is the one that the client authenticated with', async () => {
    expect(await thumbprintOf(client)).toBe(client.thumbprint)
  })

  it('8705-3-c is absent where the client has none', async () => {
    expect(await thumbprintOf({})).toBeNull()
  })

  it('8705-6.5-a is not one that the client wrote into the header field', async () => {
    const forged = { [header]: encodeURIComponent(client.cert) }
    expect(await thumbprintOf({}, forged)).toBeNull()
    const other = await makeCertificate({ commonName: 'other' })
    expect(await thumbprintOf(other, forged)).toBe(other.thumbprint)
  })

  it('8705-6.5-a is ignored in a request that did not come through nginx', async () => {
    const headers = { [header]: encodeURIComponent(client.cert) }
    const response = await fetch(`http://127.0.0.1:${portOf(direct)}`, { headers })
    expect(await response.json()).toEqual({ thumbprint: null })
  })

  it.each(['/token', '/uploads/token'])('8705-6.5-a proves possession at %s', async (path) => {
    const authorization = `Bearer ${t0({ cnf: { 'x5t#S256': client.thumbprint } })}`
    const forged = { [header]: encodeURIComponent(client.cert) }
    const statusOf = async (identity: { key?: string; cert?: string }, headers = {}) =>
      (await ask(identity, { authorization, ...headers }, path)).status
    const accepted = await ask(client, { authorization }, path)
    expect(accepted).toEqual({ status: 200, body: ['mtls'] })
    expect(await statusOf({})).toBe(401)
    expect(await statusOf({}, forged)).toBe(401)
    expect(await statusOf(await makeCertificate({ commonName: 'other' }), forged)).toBe(401)
    const url = `http://127.0.0.1:${portOf(direct)}/token`
    expect((await fetch(url, { headers: { authorization, ...forged } })).status).toBe(401)
  })

  it.each(['token', 'uploads/token'])(
    'is checked at %s by the recipe of the guide',
    async (path) => {
      const folder = mkdtempSync(join(tmpdir(), 'check-'))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      writeFileSync(join(folder, 'client.crt'), client.cert)
      writeFileSync(join(folder, 'client.key'), client.key)
      writeFileSync(join(folder, 'api.crt'), serverCertificate.cert)
      const recipe = codeBlocks.find(({ code }) =>
        code.includes('X-Client-Cert: $certificate'),
      )?.code
      const url = `https://localhost:${nginx.port}/${path} --cacert api.crt`
      const command = replaceStrings(recipe ?? '', { 'https://api.example.com/reports': url })
      const TOKEN = t0({ cnf: { 'x5t#S256': client.thumbprint } })
      const check = async (options = '') => {
        const script = command.replace('curl', `curl ${options}`)
        return (await run('sh', ['-c', script], { cwd: folder, env: { ...process.env, TOKEN } }))
          .stdout
      }
      expect(await check()).toBe('401\n')
      expect(await check('--cert client.crt --key client.key')).toBe('200\n')
    },
  )
})
