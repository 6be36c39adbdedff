import { expect, it, onTestFinished, vi } from 'vitest'
import { sha256 } from '../../../src/internal/sha256.ts'

it('9449-4.3-12a the SHA-256 hash of a token is that of RFC 9449', () => {
  const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
  expect(sha256(token)).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo')
})

it('is the same in a runtime without crypto.hash', async () => {
  vi.doMock('node:crypto', async (original) => ({ ...(await original()), hash: undefined }))
  onTestFinished(() => {
    vi.doUnmock('node:crypto')
    vi.resetModules()
  })
  vi.resetModules()
  const module = await import('../../../src/internal/sha256.ts')
  expect(module.oneShotHash).toBeUndefined()
  expect(module.sha256('text')).toBe(sha256('text'))
  expect(module.sha256(Buffer.from('text'))).toBe(sha256('text'))
})
