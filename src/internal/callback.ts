/**
 * @module What the application's callbacks throw or reject with. It can be any value, so it is put
 * into an `Error` before anything else sees it: a falsy value would count as success, Express skips
 * handlers for the string 'route', and an `AccessTokenError` would pass for a refusal of ours.
 */
import { types } from 'node:util'

/** The callbacks that an application can pass. Later ones are added here. */
type CallbackName =
  | 'authorizationDetails'
  | 'check'
  | 'impliedScopes'
  | 'issuer'
  | 'now'
  | 'onEvent'
  | 'scopeClaim'

/**
 * Wraps what a callback threw or rejected with. The value itself is not read.
 *
 * @returns An Error with a fixed message; the original is its `cause`.
 */
export function callbackError(name: CallbackName, cause: unknown): Error {
  return new Error(`The callback ${name} failed`, { cause })
}

/** Returns an Error unchanged and wraps every other value, without reading it. */
export function toError(value: unknown): Error {
  // Does not run the traps of a Proxy, and recognises the errors of another realm (node:vm, Jest).
  if (types.isNativeError(value)) return value
  return new Error('Something that is not an Error was thrown', { cause: value })
}

/** For a callback that must not return a promise: the rejection of one must not end the process. */
export function ignoreRejection(value: unknown): void {
  Promise.resolve(value).catch(() => {})
}

/**
 * Calls a function of the application that must return an array, and copies the array, because its
 * methods may be those of the application. The rejection of an entry that is a promise is ignored.
 *
 * @returns `undefined` if the function returned anything else.
 * @throws Error that wraps what the function threw, also while the array is read.
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

/** The message of an Error, also where reading it throws. */
export function messageOf(error: unknown): string {
  try {
    return types.isNativeError(error) ? String(error.message) : 'no Error'
  } catch {
    return 'no readable message'
  }
}
