/**
 * @module Handles what the application's callbacks throw or reject with: any value. The value is wrapped in
 * an `Error`, because a falsy value would count as success, Express skips handlers for the string 'route',
 * and this package would treat an `AccessTokenError` as a refusal of its own. `toError` does not wrap an
 * `Error`.
 */
import { types } from 'node:util'

/** The callbacks whose failures {@link callbackError} wraps. */
type CallbackName =
  | 'authentication.token'
  | 'authorizationDetails'
  | 'check'
  | 'impliedScopes'
  | 'mtls.certificate'
  | 'mtls.certificate.trusted'
  | 'now'
  | 'revoked'
  | 'scopeClaim'

/**
 * Wraps what a callback threw or rejected with. Does not read the value.
 *
 * @returns An Error with a fixed message; the original is its `cause`.
 */
export function callbackError(name: CallbackName, cause: unknown): Error {
  return new Error(`The callback ${name} failed`, { cause })
}

/** Returns an Error unchanged and wraps every other value. Does not read the value. */
export function toError(value: unknown): Error {
  // Unlike `instanceof`, this runs no trap of a Proxy and recognises errors of another realm (node:vm, Jest).
  if (types.isNativeError(value)) return value
  return new Error('Something that is not an Error was thrown', { cause: value })
}

/**
 * Handles the rejection of a promise that a synchronous callback returned by mistake. An unhandled
 * rejection ends the process.
 */
export function ignoreRejection(value: unknown): void {
  Promise.resolve(value).catch(() => {})
}

/**
 * Calls a function of the application that must return an array. Copies the array, because the
 * application may have replaced its methods. Ignores the rejection of entries that are promises.
 *
 * @returns `undefined` if the function returned any other value.
 * @throws Error that wraps what the function threw, or what reading the array threw.
 */
export function callForList(name: CallbackName, call: () => unknown): unknown[] | undefined {
  let list: unknown[] | undefined
  let result: unknown
  try {
    result = call()
    if (Array.isArray(result)) list = [...result]
  } catch (error) {
    throw callbackError(name, error)
  }
  ignoreRejection(result)
  for (const entry of list ?? []) ignoreRejection(entry)
  return list
}

/** Returns the message of an Error. Never throws, even if reading the message throws. */
export function messageOf(error: unknown): string {
  try {
    return types.isNativeError(error) ? String(error.message) : 'not an Error'
  } catch {
    return 'an unreadable message'
  }
}
