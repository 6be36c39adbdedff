import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { decodeJwt } from 'jose'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { createGetCertificateThumbprint } from '../../../src/credentials/client-certificate.ts'
import { validateCertificateBinding } from '../../../src/proof/mtls.ts'
import { createClientCertificates } from '../../../src/testing/client-certificate.ts'
import { makeCertificate } from '../../support/certificate.ts'

const issuer = await createTestIssuer()
afterAll(() => issuer.close())
const createClientCertificate = () => createClientCertificates((claims) => issuer.token(claims))

/** The member `x5t#S256` of a token's `cnf`. */
const bindingOf = (token: string) =>
  (decodeJwt(token).cnf as Record<string, unknown> | undefined)?.['x5t#S256']

it('returns a certificate with its key and tokens that are bound to it, for a real TLS server', async () => {
  const { key, cert, token } = createClientCertificate()()
  const server = createServer({
    ...(await makeCertificate()),
    requestCert: true,
    rejectUnauthorized: false,
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connected = once(server, 'secureConnection')
  const clientSocket = connect({ port, host: '127.0.0.1', key, cert, rejectUnauthorized: false })
  const [socket] = (await connected) as [TLSSocket]
  const thumbprint = createGetCertificateThumbprint('tls')({ headers: {}, socket })
  clientSocket.destroy()
  const bearer = await token({ scope: 'read:reports' })
  expect(decodeJwt(bearer)).toMatchObject({ iss: issuer.issuer, scope: 'read:reports' })
  expect(() => validateCertificateBinding(bindingOf(bearer) as string, thumbprint)).not.toThrow()
})

it('returns four certificates in turn, each valid from 2020 to 2120', async () => {
  const clientCertificate = createClientCertificate()
  const clients = Array.from({ length: 5 }, clientCertificate)
  for (const { cert, key } of clients) {
    const certificate = new X509Certificate(cert)
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(new Date(certificate.validFrom).getUTCFullYear()).toBe(2020)
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2120)
  }
  expect(new Set(clients.map(({ cert }) => cert)).size).toBe(4)
  const bindings = await Promise.all(clients.map(async ({ token }) => bindingOf(await token())))
  expect(new Set(bindings).size).toBe(4)
  expect(bindings[4]).toBe(bindings[0])
})

it('lets a test change the binding of a token', async () => {
  const { token } = createClientCertificate()()
  expect(bindingOf(await token({ cnf: { 'x5t#S256': 'x' } }))).toBe('x')
})
