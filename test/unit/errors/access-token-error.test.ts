import { describe, expect, it, vi } from 'vitest'
import {
  AccessTokenError,
  InsufficientScopeError,
  InvalidDpopProofError,
  InvalidTokenError,
  invalidDpopProofReasons,
  invalidTokenReasons,
  ServiceUnavailableError,
  type UnavailableService,
} from '../../../src/errors.ts'

/** Loads the module again, as another copy of the package in the same process does. */
async function loadCopy(): Promise<typeof import('../../../src/errors.ts')> {
  vi.resetModules()
  return import('../../../src/errors.ts')
}

const services: readonly UnavailableService[] = [
  'keys',
  'introspection',
  'replay_store',
  'issuer_resolver',
  'revocation',
]

describe('an error of another copy of the package', () => {
  it('is an instance of the class with its name and of the base class, and of no other', async () => {
    const copy = await loadCopy()
    expect(copy.InvalidTokenError).not.toBe(InvalidTokenError)
    const foreign = new copy.InvalidTokenError('expired')
    expect(foreign).toBeInstanceOf(InvalidTokenError)
    expect(foreign).toBeInstanceOf(AccessTokenError)
    expect(foreign).not.toBeInstanceOf(InsufficientScopeError)
    const own = new InvalidTokenError('expired')
    expect(own).toBeInstanceOf(copy.InvalidTokenError)
    expect(own).toBeInstanceOf(copy.AccessTokenError)
    expect(own).not.toBeInstanceOf(copy.InsufficientScopeError)
  })

  it('has the same reasons and messages', async () => {
    const copy = await loadCopy()
    expect(copy.invalidTokenReasons).toEqual(invalidTokenReasons)
    expect(copy.invalidDpopProofReasons).toEqual(invalidDpopProofReasons)
    const createAll = (classes: Omit<typeof copy, 'AccessTokenError'>) => [
      ...invalidTokenReasons.map((reason) => new classes.InvalidTokenError(reason)),
      ...invalidDpopProofReasons.map((reason) => new classes.InvalidDpopProofError(reason)),
      ...services.map((service) => new classes.ServiceUnavailableError(service, 1)),
    ]
    const own = createAll({
      ...copy,
      InvalidTokenError,
      InvalidDpopProofError,
      ServiceUnavailableError,
    })
    expect(createAll(copy).map(({ message }) => message)).toEqual(own.map(({ message }) => message))
  })
})

describe('instanceof', () => {
  class OwnError extends InvalidTokenError {}

  it('recognises a subclass of the application, which has only its own instances', async () => {
    const copy = await loadCopy()
    expect(new OwnError('expired')).toBeInstanceOf(OwnError)
    expect(new OwnError('expired')).toBeInstanceOf(copy.InvalidTokenError)
    expect(new copy.InvalidTokenError('expired')).not.toBeInstanceOf(OwnError)
  })

  it('recognises no other value', async () => {
    const copy = await loadCopy()
    const expired = new InvalidTokenError('expired')
    const values = [
      new Error('x'),
      Object.assign(new Error('x'), { ...expired, name: 'InvalidTokenError' }),
      Object.create(copy.InvalidTokenError.prototype),
      null,
      undefined,
    ]
    for (const value of values) {
      expect(value instanceof AccessTokenError).toBe(false)
      expect(value instanceof InvalidTokenError).toBe(false)
    }
  })

  it('does not throw for an error that cannot be read', async () => {
    const copy = await loadCopy()
    const unreadable = Object.defineProperty(new copy.InvalidTokenError('expired'), 'name', {
      get() {
        throw new Error('a getter ran')
      },
    })
    expect(unreadable instanceof AccessTokenError).toBe(true)
    expect(unreadable instanceof InvalidTokenError).toBe(false)
  })
})
