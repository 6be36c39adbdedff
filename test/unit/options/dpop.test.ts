import { describe, expect, it } from 'vitest'
import { resolveDpop } from '../../../src/options/dpop.ts'
import { allAlgorithms } from '../../../src/signature/algorithms.ts'

const secret = new Uint8Array(32).fill(7)
const defaults = {
  required: false,
  algorithms: allAlgorithms,
  maxAge: 60,
  nonce: undefined,
  replayStore: undefined,
}

describe('the option dpop', () => {
  it('is disabled by default', () => {
    expect(resolveDpop(undefined)).toBeUndefined()
    expect(resolveDpop(false)).toBeUndefined()
  })

  it('has its defaults if it is true or sets nothing', () => {
    const nothing = { required: undefined, algorithms: undefined, nonce: false }
    for (const value of [true, {}, nothing]) expect(resolveDpop(value)).toEqual(defaults)
  })

  it('takes every member', () => {
    const replayStore = { claim: () => true }
    const value = {
      required: true,
      algorithms: ['ES256'],
      maxAge: 10,
      nonce: { secret, lifetime: 20 },
      replayStore,
    }
    expect(resolveDpop(value)).toEqual({
      ...value,
      nonce: { secrets: [secret], lifetime: 20 },
    })
    expect(resolveDpop({ replayStore: 'external' })?.replayStore).toBe('external')
    expect(resolveDpop({ nonce: { secret: [secret, secret] } })?.nonce).toEqual({
      secrets: [secret, secret],
      lifetime: 300,
    })
  })

  it('names every algorithm in the error', () => {
    expect(() => resolveDpop({ algorithms: ['HS256'] })).toThrow(
      new TypeError(
        'dpop.algorithms must be a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519',
      ),
    )
  })

  it('copies the secrets', () => {
    const mutable = Uint8Array.from(secret)
    const resolved = resolveDpop({ nonce: { secret: mutable } })
    mutable.fill(0)
    expect(resolved?.nonce?.secrets).toEqual([secret])
  })

  it.each([
    ['dpop', null],
    ['dpop', 'yes'],
    ['dpop', []],
    ['maxage', { maxage: 1 }],
    ['dpop.required', { required: 'yes' }],
    ['dpop.algorithms', { algorithms: [] }],
    ['dpop.algorithms', { algorithms: ['HS256'] }],
    ['dpop.maxAge', { maxAge: 0 }],
    ['dpop.maxAge', { maxAge: 3_601 }],
    ['dpop.maxAge', { maxAge: Number.NaN }],
    ['dpop.nonce', { nonce: true }],
    ['dpop.nonce', { nonce: { secret, lifetme: 1 } }],
    ['dpop.nonce.secret', { nonce: {} }],
    ['dpop.nonce.secret', { nonce: { secret: [] } }],
    ['dpop.nonce.secret', { nonce: { secret: secret.slice(1) } }],
    ['dpop.nonce.secret', { nonce: { secret: [secret, secret.slice(1)] } }],
    ['dpop.nonce.secret', { nonce: { secret: 'x'.repeat(32) } }],
    ['dpop.nonce.lifetime', { nonce: { secret, lifetime: 0 } }],
    ['dpop.replayStore', { replayStore: 'memory' }],
    ['dpop.replayStore', { replayStore: null }],
    ['dpop.replayStore', { replayStore: {} }],
  ])('throws a TypeError that names %s for %j', (name, value) => {
    expect(() => resolveDpop(value)).toThrow(TypeError)
    expect(() => resolveDpop(value)).toThrow(name)
  })
})
