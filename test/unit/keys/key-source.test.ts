import { expect, it } from 'vitest'
import { createStaticKeySource } from '../../../src/keys/key-source.ts'
import { jwks, rsa1 } from '../../support/fixture.ts'

it('returns the configured keys, and never newer ones', async () => {
  const source = createStaticKeySource(jwks, 'jwks')
  const set = await source.current()
  expect(set.keys.size).toBe(jwks.keys.length)
  expect(await source.refreshForUnknownKey(set, () => false)).toBe(set)
  expect(await source.current()).toBe(set)
})

it.each([
  [null, 'option must be a JWK Set: { keys: [...] } with at most 100 keys'],
  [[], 'option must be a JWK Set: { keys: [...] } with at most 100 keys'],
  [{ keys: Array(101).fill(rsa1.jwk) }, /at most 100 keys/],
  [{ keys: [] }, 'option has no usable key (it is empty)'],
  [
    {
      keys: [
        { ...rsa1.jwk, use: 'enc' },
        { kty: 'oct', k: 'AA' },
      ],
    },
    'option has no usable key (rsa1: use, a key without kid: type)',
  ],
])('refuses a set without a usable key, with the reason (%#)', (value, message) => {
  expect(() => createStaticKeySource(value, 'option')).toThrow(message)
  expect(() => createStaticKeySource(value, 'option')).toThrow(TypeError)
})
