/** The guides about opaque, encrypted and revoked tokens: the code of each is run. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { CompactEncrypt, createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose'
import { createValidator, type Validator } from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { docsFile } from '../support/docs.ts'
import { createGuideRunner, publicIssuer, type WithValidator } from '../support/guides.ts'
import { startAuthorizationServer } from '../support/introspection.ts'
import { hasRedisServer, startRedisServer } from '../support/redis-server.ts'

const { folder, importGuide, atEnd, end } = createGuideRunner('guides-tokens')
const secret = 'a-secret-of-the-test'
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer({ clients: [{ id: 'reports-api', secret }] })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await end()
})
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

describe('guide: opaque tokens', () => {
  it('accepts an opaque token and a JWT, and refuses a revoked one', async () => {
    vi.stubEnv('INTROSPECTION_SECRET', secret)
    const { validator } = await importGuide<WithValidator>('introspection', 'process.env', {
      [publicIssuer]: issuer.issuer,
    })
    const token = issuer.opaqueToken({ scope: 'read' })
    expect((await validator.validate(token)).scopes).toEqual(['read'])
    await validator.validate(await issuer.token())
    const revoked = issuer.opaqueToken()
    issuer.revoke(revoked)
    await expect(validator.validate(revoked)).rejects.toMatchObject({ reason: 'inactive' })
  })

  it('presents the client certificate', async () => {
    const certificate = await makeCertificate()
    const cert = folder.write('cert.pem', certificate.cert)
    const key = folder.write('key.pem', certificate.key)
    const presented: unknown[] = []
    const server = createTlsServer(
      {
        cert: readFileSync(cert),
        key: readFileSync(key),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        presented.push(
          (request.socket as { getPeerX509Certificate?: () => unknown }).getPeerX509Certificate?.(),
        )
        response.setHeader('content-type', 'application/json').end('{"active":false}')
      },
    ).listen(0, '127.0.0.1')
    atEnd(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}/introspect`
    const { validator } = await importGuide<WithValidator>('introspection', 'tls_client_auth', {
      '/etc/ssl/reports-api.pem': cert,
      '/etc/ssl/reports-api-key.pem': key,
      'const connect = {': 'const connect = { rejectUnauthorized: false,',
      'introspection: {': `introspection: { endpoint: '${endpoint}',`,
    })
    await expect(validator.validate('opaque')).rejects.toMatchObject({ reason: 'inactive' })
    expect(presented).toEqual([expect.objectContaining({})])
  })
})

describe('guide: opaque tokens, with a private key', () => {
  it('makes a JWK from PEM, and signs assertions that its public key verifies', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = folder.write(
      'client-key.pem',
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    )
    const file = `${folder.path}/client-key.json`
    const print = vi.spyOn(console, 'log').mockReturnValue()
    await importGuide('introspection', 'createPrivateKey', {
      'client-key.pem': pem,
      'client-key.json': file,
    })
    const published: JSONWebKeySet = JSON.parse(print.mock.calls[0]?.[0])
    print.mockRestore()
    expect(published.keys[0]).not.toHaveProperty('d')
    const server = await startAuthorizationServer(() => ({ active: false }))
    const { validator } = await importGuide<WithValidator>('introspection', 'private_key_jwt', {
      [publicIssuer]: server.origin,
      'introspection: {': `introspection: { endpoint: '${server.endpoint}',`,
      '/run/secrets/client-key.json': file,
    })
    await expect(validator.validate('opaque')).rejects.toMatchObject({ reason: 'inactive' })
    const assertion = server.received[0]?.form.get('client_assertion') as string
    const { payload, protectedHeader } = await jwtVerify(assertion, createLocalJWKSet(published), {
      audience: server.origin,
    })
    expect(payload).toMatchObject({ iss: 'reports-api', sub: 'reports-api' })
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'reports-api-1' })
  })
})

describe('guide: encrypted tokens', () => {
  it('makes a key, and accepts tokens that are encrypted to it', async () => {
    const file = `${folder.path}/decryption-keys.json`
    const print = vi.spyOn(console, 'log').mockReturnValue()
    await importGuide('encrypted-tokens', 'generateKeyPair', { 'decryption-keys.json': file })
    const publicKey: JWK = JSON.parse(print.mock.calls[0]?.[0])
    print.mockRestore()
    expect(publicKey).not.toHaveProperty('d')
    const { validator } = await importGuide<WithValidator>('encrypted-tokens', 'decryptionKeys', {
      '/run/secrets/decryption-keys.json': file,
      [publicIssuer]: issuer.issuer,
    })
    const encrypted = await new CompactEncrypt(Buffer.from(await issuer.token()))
      .setProtectedHeader({
        alg: publicKey.alg as string,
        enc: 'A256GCM',
        kid: publicKey.kid as string,
      })
      .encrypt(publicKey)
    await validator.validate(encrypted)
    await expect(validator.validate(await issuer.token())).rejects.toMatchObject({
      reason: 'not_encrypted',
    })
  })

  it('describes the combination with introspection', async () => {
    const { decryptionKeys } = issuer
    const authentication = {
      method: 'client_secret_basic',
      clientId: 'reports-api',
      clientSecret: secret,
    } as const
    const create = (tokens: 'opaque' | 'all') =>
      createValidator({
        issuer: {
          issuer: issuer.issuer,
          decryptionKeys,
          introspection: { authentication, tokens },
        },
        audience: issuer.audience,
      })
    const { validate } = create('opaque')
    await validate(issuer.opaqueToken())
    await validate(await issuer.encryptedToken())
    const plain = await issuer.token()
    await expect(validate(plain)).rejects.toMatchObject({ reason: 'not_encrypted' })
    // The endpoint of the test issuer does not know the encrypted form: it is that form which is sent.
    const encrypted = await issuer.encryptedToken()
    const before = issuer.requests.introspection
    await expect(create('all').validate(encrypted)).rejects.toMatchObject({ reason: 'inactive' })
    expect(issuer.requests.introspection - before).toBe(1)
  })

  it('lists the algorithms that are accepted', () => {
    const { text } = docsFile('docs/guides/encrypted-tokens.md')
    for (const enc of [
      'A128GCM',
      'A192GCM',
      'A256GCM',
      'A128CBC-HS256',
      'A192CBC-HS384',
      'A256CBC-HS512',
    ]) {
      expect(text).toContain(`\`${enc}\``)
    }
  })
})

interface RevocationGuide {
  readonly createApi: (send: (...args: string[]) => Promise<unknown>) => Validator
  readonly revoke: (send: unknown, iss: string, jti: string, exp: number) => Promise<void>
}

/** The other form of an ES256 signature: s is replaced by n - s. */
function withOtherSignature(token: string): string {
  const [header, payload, signature = ''] = token.split('.')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const bytes = Buffer.from(signature, 'base64url')
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
  return `${header}.${payload}.${other.toString('base64url')}`
}

describe('guide: revoked tokens', () => {
  const loadGuide = () =>
    importGuide<RevocationGuide>('revocation', 'EXISTS', { [publicIssuer]: issuer.issuer })

  it.skipIf(!hasRedisServer)(
    'refuses a token at once, and accepts none while Redis is down',
    async () => {
      const redis = await startRedisServer()
      atEnd(redis.stop)
      const { createApi, revoke } = await loadGuide()
      const { validate } = createApi(redis.send)
      const token = await issuer.token()
      const { claims } = await validate(token)
      await validate(token)
      const other = await issuer.token()
      await validate(other)
      await revoke(redis.send, claims.iss, claims.jti as string, claims.exp)
      await expect(validate(token)).rejects.toMatchObject({ reason: 'revoked', status: 401 })
      await validate(other)
      const remaining = (await redis.send(
        'TTL',
        `revoked:${JSON.stringify([claims.iss, claims.jti])}`,
      )) as number
      expect(remaining).toBeGreaterThan(300)
      expect(remaining).toBeLessThanOrEqual(901)
      await redis.stop()
      await expect(validate(other)).rejects.toMatchObject({ service: 'revocation', status: 503 })
    },
  )

  it('accepts an opaque token without jti, until its issuer calls it inactive', async () => {
    const introspection = {
      authentication: {
        method: 'client_secret_basic',
        clientId: 'reports-api',
        clientSecret: secret,
      },
      maxAge: 0,
    }
    const { createApi, revoke } = await importGuide<RevocationGuide>('revocation', 'EXISTS', {
      [`'${publicIssuer}'`]: JSON.stringify({ issuer: issuer.issuer, introspection }),
    })
    const keys = new Set<string>()
    const send = async (name: string, key = '') =>
      name === 'SET' ? keys.add(key) : Number(keys.has(key))
    const { validate } = createApi(send as never)
    const without = issuer.opaqueToken({ jti: undefined })
    await validate(without)
    issuer.revoke(without)
    await expect(validate(without)).rejects.toMatchObject({ reason: 'inactive' })
    const named = issuer.opaqueToken()
    const { claims } = await validate(named)
    await revoke(send, claims.iss, claims.jti as string, claims.exp)
    await expect(validate(named)).rejects.toMatchObject({ reason: 'revoked' })
  })

  it('refuses the other form of a revoked token, which has another hash', async () => {
    const { createApi, revoke } = await loadGuide()
    const keys = new Set<string>()
    const send = async (name: string, key = '') =>
      name === 'SET' ? keys.add(key) : Number(keys.has(key))
    const { validate } = createApi(send as never)
    const token = await issuer.token()
    const twin = withOtherSignature(token)
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    expect(hash(twin)).not.toBe(hash(token))
    const { claims } = await validate(twin)
    await createValidator({ issuer: issuer.issuer, audience: issuer.audience }).validate(token)
    await revoke(send, claims.iss, claims.jti as string, claims.exp)
    await expect(validate(token)).rejects.toMatchObject({ reason: 'revoked' })
    await expect(validate(twin)).rejects.toMatchObject({ reason: 'revoked' })
  })
})
