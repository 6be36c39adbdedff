import { describe, expect, it } from 'vitest'
import { createIssuerStore, type StoredIssuer } from '../../../src/issuer/issuer-store.ts'
import type { TrustedIssuer } from '../../../src/issuer/trusted-issuer.ts'

function makeIssuer(name: string | number): StoredIssuer {
  const issuer = { issuer: `${name}`, status: { verified: false } } as TrustedIssuer
  return { issuer, askedAt: 0, expiresAt: 600 }
}

/** A store with issuers of these names, without a verified token. */
function createStore(names: readonly (string | number)[]) {
  const store = createIssuerStore()
  const add = (name: string | number) => {
    const stored = makeIssuer(name)
    store.set(stored)
    return stored
  }
  const verify = (name: string | number) => {
    const { issuer } = store.get(`${name}`) ?? add(name)
    store.recordVerified(issuer)
    return issuer
  }
  for (const name of names) add(name)
  return { ...store, add, verify, namesVerified: () => store.verified().map(nameOf) }
}

const nameOf = ({ issuer }: StoredIssuer) => issuer.issuer
const numbers = Array.from({ length: 1_000 }, (_, index) => index)

describe('the issuers without a verified token', () => {
  it('are found by name, and replaced by an issuer of the same name', () => {
    const { get, add } = createStore(['a'])
    expect(get('b')).toBeUndefined()
    const newer = add('a')
    expect(get('a')).toBe(newer)
  })

  it('are kept 1,000 at a time, and the least recently used one is removed first', () => {
    const { get, add } = createStore(numbers)
    add(999)
    expect(get('unknown')).toBeUndefined()
    expect(get('0')).toBeDefined()
    add('new')
    expect(get('1')).toBeUndefined()
    for (const name of ['0', '2', '999', 'new']) expect(get(name)).toBeDefined()
  })
})

describe('the issuers with a verified token', () => {
  it('are listed, and are not removed by any number of others', () => {
    const { verify, get, add, namesVerified } = createStore([])
    expect(verify('a').status.verified).toBe(true)
    for (const name of numbers) add(name)
    add('new')
    expect(get('a')).toBeDefined()
    expect(get('999')).toBeDefined()
    expect(namesVerified()).toEqual(['a'])
  })

  it('are replaced by an issuer of the same name, and stay in the list', () => {
    const { verify, add, get, verified } = createStore([])
    verify('a')
    const newer = add('a')
    expect(get('a')).toBe(newer)
    expect(verified()).toEqual([newer])
  })

  it('are kept 1,000 at a time, and the least recently used one counts as unverified', () => {
    const { verify, get, namesVerified } = createStore([])
    const issuers = numbers.map(verify)
    expect(namesVerified()).toHaveLength(1_000)
    for (const _ of numbers) get('0')
    verify('new')
    verify('newer')
    expect(namesVerified()).toEqual(['0', ...numbers.slice(3).map(String), 'new', 'newer'])
    expect(issuers.map(({ status }) => status.verified)).toEqual(
      numbers.map((index) => index !== 1 && index !== 2),
    )
    expect(get('1')).toBeUndefined()
  })

  it('do not include an issuer that was removed or replaced since its lookup', () => {
    const { get, add, recordVerified, namesVerified, ...store } = createStore(['a', 'b'])
    const [removed, replaced] = [get('a'), get('b')] as [StoredIssuer, StoredIssuer]
    store.delete('a')
    add('b')
    recordVerified(removed.issuer)
    recordVerified(replaced.issuer)
    expect(namesVerified()).toEqual([])
    expect([removed, replaced].map(({ issuer }) => issuer.status.verified)).toEqual([false, false])
  })
})

describe('an issuer that is deleted', () => {
  it('is not found again, and counts as unverified', () => {
    const { verify, get, verified, ...store } = createStore(['a', 'b'])
    const { status } = verify('a')
    for (const name of ['a', 'b', 'unknown']) store.delete(name)
    expect([get('a'), get('b')]).toEqual([undefined, undefined])
    expect(verified()).toEqual([])
    expect(status.verified).toBe(false)
  })
})
