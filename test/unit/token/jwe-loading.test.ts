import { generateKeyPairSync } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { readDecryptionKeys } from '../../../src/options/decryption-keys.ts'
import { decryptToken } from '../../../src/token/jwe.ts'

const imports = vi.hoisted(() => ({ jose: 0 }))

vi.mock('jose', (importOriginal) => {
  imports.jose++
  return importOriginal()
})

it('loads jose when the first token is decrypted, and not before', async () => {
  await import('oauth-resource-server')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = readDecryptionKeys({ keys: [privateKey.export({ format: 'jwk' })] }, 'a', 'b') ?? []
  const token = (header: object) =>
    `${Buffer.from(JSON.stringify(header)).toString('base64url')}.AAAA.AAAA.AAAA.AAAA`
  await expect(decryptToken(token({ alg: 'dir', enc: 'A128GCM' }), keys)).rejects.toThrow()
  expect(imports.jose).toBe(0)
  await expect(
    decryptToken(token({ alg: 'ECDH-ES', enc: 'A128GCM', epk: { crv: 'P-256' } }), keys),
  ).rejects.toThrow()
  expect(imports.jose).toBe(1)
})
