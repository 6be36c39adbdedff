/** The guides about issuers and the network: runs the code of each, with a proxy, a certificate or a key. */
import { execFile } from 'node:child_process'
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { root } from '../support/docs.ts'
import { createGuideRunner, publicIssuer, type WithValidator } from '../support/guides.ts'

const run = promisify(execFile)
const { folder, importGuide, listen, atEnd, end } = createGuideRunner('guides-network')
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer({ algorithm: 'RS256' })
  await run('npx', ['tsc', '--outDir', `${folder.path}/dist`], { cwd: root })
}, 60_000)
afterEach(end)
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

/** Validates a token in a new process, because Node reads the environment at its start. */
async function validateIn(env: Record<string, string>, iss: string): Promise<string> {
  const options = JSON.stringify({ issuer: iss, audience: issuer.audience })
  const file = folder.write(
    'validate.mjs',
    `import { createValidator } from './dist/index.js'
    const validator = createValidator(${options})
    const outcome = validator.validate(process.env.TOKEN)
    console.log(await outcome.then(({ issuer }) => issuer, ({ detail }) => detail.hint))`,
  )
  const { stdout } = await run(process.execPath, [file], {
    env: { ...env, TOKEN: await issuer.token({ iss }) },
  })
  return stdout.trim()
}

describe('guide: HTTP proxy', () => {
  /** An HTTP proxy that records its requests, by CONNECT or by absolute URL. */
  async function startProxy(): Promise<{ readonly url: string; readonly hosts: Set<string> }> {
    const hosts = new Set<string>()
    const proxy = createServer(async ({ url = '' }, response) => {
      hosts.add(new URL(url).host)
      response.end(await (await fetch(url)).text())
    })
    proxy.on('connect', ({ url = '' }, client) => {
      hosts.add(url)
      const [host, port] = url.split(':')
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(client).pipe(upstream)
      })
    })
    return { url: `http://127.0.0.1:${await listen(proxy)}`, hosts }
  }

  // Node 22.21, 24 and later.
  it.runIf(process.allowedNodeEnvironmentFlags.has('--use-env-proxy'))(
    'fetches metadata and keys through the proxy that the environment names',
    async () => {
      const { url, hosts } = await startProxy()
      const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: url }
      expect(await validateIn(env, issuer.issuer)).toBe(issuer.issuer)
      expect([...hosts]).toEqual([new URL(issuer.issuer).host])
    },
  )

  it('fetches metadata and keys through the proxy of a ProxyAgent', async () => {
    const { url, hosts } = await startProxy()
    const { validator } = await importGuide<WithValidator>('http-proxy', 'ProxyAgent', {
      [publicIssuer]: issuer.issuer,
      'http://proxy.example.com:3128': url,
    })
    await expect(validator.validate(await issuer.token())).resolves.toMatchObject({
      issuer: issuer.issuer,
    })
    expect([...hosts]).toEqual([new URL(issuer.issuer).host])
  })
})

describe('guide: private certificate authority', () => {
  async function startTlsIssuer(): Promise<{ readonly origin: string; readonly file: string }> {
    const { cert, key } = await makeCertificate()
    const server = createTlsServer({ cert, key }, async (request, response) => {
      const origin = `https://${request.headers.host}`
      const upstream = await fetch(issuer.jwksUri)
      const answer =
        request.url === '/jwks'
          ? await upstream.json()
          : { issuer: origin, jwks_uri: `${origin}/jwks` }
      response.end(JSON.stringify(answer))
    })
    atEnd(() => server.closeAllConnections())
    const origin = `https://127.0.0.1:${await listen(server)}`
    return { origin, file: folder.write('private-ca.pem', cert) }
  }

  it('trusts the authority that NODE_EXTRA_CA_CERTS names', async () => {
    const { origin, file } = await startTlsIssuer()
    expect(await validateIn({}, origin)).toContain(`${origin}/.well-known/`)
    expect(await validateIn({ NODE_EXTRA_CA_CERTS: file }, origin)).toBe(origin)
  })

  it('trusts the authority that the dispatcher of the option fetch names', async () => {
    const { origin, file } = await startTlsIssuer()
    const { validator } = await importGuide<WithValidator>('private-ca', 'Agent', {
      [publicIssuer]: origin,
      '/etc/ssl/private-ca.pem': file,
    })
    await expect(validator.validate(await issuer.token({ iss: origin }))).resolves.toMatchObject({
      issuer: origin,
    })
  })
})

describe('guide: PEM public key', () => {
  it('verifies a token without any network', async () => {
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: JsonWebKey[] }
    const pem = createPublicKey({ key: keys[0] as JsonWebKey, format: 'jwk' })
    const { validator } = await importGuide<WithValidator>('pem-public-key', 'createPublicKey', {
      'issuer-key-1': String(keys[0]?.kid),
      '/etc/ssl/issuer-public-key.pem': folder.write(
        'key.pem',
        String(pem.export({ type: 'spki', format: 'pem' })),
      ),
    })
    const before = { ...issuer.requests }
    await expect(
      validator.validate(await issuer.token({ iss: publicIssuer })),
    ).resolves.toMatchObject({ issuer: publicIssuer })
    await expect(
      validator.validate(await issuer.tokens.foreignKey({ iss: publicIssuer })),
    ).rejects.toMatchObject({ reason: 'bad_signature' })
    expect(issuer.requests).toEqual(before)
  })
})

describe('guide: Docker', () => {
  it('accepts tokens of the public issuer with the keys of the internal address', async () => {
    // Not a loopback address for the validator, so that it needs allowInsecureHttp.
    const internal = issuer.jwksUri.replace('127.0.0.1', '0.0.0.0')
    const { validator } = await importGuide<WithValidator>('docker', 'allowInsecureHttp', {
      'http://keycloak:8080/realms/example/protocol/openid-connect/certs': internal,
    })
    const iss = 'https://auth.example.com/realms/example'
    await expect(validator.validate(await issuer.token({ iss }))).resolves.toMatchObject({
      issuer: iss,
    })
  })
})

describe('guide: AD FS', () => {
  const iss = 'http://adfs.example.com/adfs/services/trust'
  const importValidator = () =>
    importGuide<WithValidator>('ad-fs', 'adfs', {
      'https://adfs.example.com/adfs/discovery/keys': issuer.jwksUri,
    })

  /** As AD FS 2016 issues them: without `kid`, `sub`, `client_id` and `jti`. */
  const adfsToken = (claims: object) =>
    issuer.token(
      {
        iss,
        appid: 'client-1',
        apptype: 'Confidential',
        auth_time: '2017-02-13T08:27:46.918Z',
        ver: '1.0',
        scp: 'openid read:reports',
        ...{ sub: undefined, client_id: undefined, jti: undefined },
        ...claims,
      },
      { typ: 'JWT', kid: undefined, x5t: 'jeeQjLUam_5jJgqW1jVLeYl8Gik' },
    )

  it('accepts a token like those of AD FS', async () => {
    const { validator } = await importValidator()
    const token = await validator.validate(await adfsToken({ aud: 'https://api.example.com' }), {
      scopes: 'read:reports',
    })
    expect(token).toMatchObject({ issuer: iss, claims: { appid: 'client-1' } })
    expect(token.clientId).toBeUndefined()
  })

  it('refuses the token that a client without a resource gets', async () => {
    const { validator } = await importValidator()
    const token = await adfsToken({ aud: 'urn:microsoft:userinfo' })
    await expect(validator.validate(token)).rejects.toMatchObject({ reason: 'wrong_audience' })
  })
})
