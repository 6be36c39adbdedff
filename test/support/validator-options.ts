/** Helpers for the tests of options: validators with invalid options, and their results. */
import {
  createValidator,
  type InvalidTokenReason,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { expect } from 'vitest'
import { resolveOptions } from '../../src/options/resolve.ts'
import { fixtureOptions, ISS } from './fixture.ts'

/** Creates a validator with options that may be invalid. */
export const construct = (changes: object) =>
  createValidator({ ...fixtureOptions(), ...changes } as ValidatorOptions)
export const withIssuer = (changes: object) => construct({ issuer: { issuer: ISS, ...changes } })
export const read = (changes: object = {}) =>
  resolveOptions({ ...fixtureOptions(), ...changes } as ValidatorOptions)

export const accepts = (validator: Validator, token: string) =>
  expect(validator.validate(token)).resolves.toMatchObject({ token })
export const refuses = (validator: Validator, token: string, reason: InvalidTokenReason) =>
  expect(validator.validate(token)).rejects.toMatchObject({ reason })

/** Requires that each invalid value throws a TypeError with this message. */
export function expectRefused(
  values: readonly unknown[],
  make: (value: unknown) => unknown,
  message: string,
) {
  for (const value of values) {
    let thrown: unknown
    try {
      make(value)
    } catch (error) {
      thrown = error
    }
    expect(thrown, `for ${String(value)}`).toBeInstanceOf(TypeError)
    expect((thrown as TypeError).message).toContain(message)
  }
}

export const noStrings = [null, 5, true, {}, () => 'a']
