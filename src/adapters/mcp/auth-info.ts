/**
 * @module Converts a verified token to the `AuthInfo` of the MCP SDK. Typed structurally, because the SDK is
 * not a dependency.
 */
import type { AccessToken } from '../../access-token.ts'
import type { ValidatorWithMetadata } from '../serve-metadata.ts'

/** A verified token in the form of the MCP SDK. Assignable to the SDK's `AuthInfo`, in 1.x and 2.x. */
export interface AuthInfo {
  /** The token itself. Do not log this object; `extra.accessToken` is safe to log. */
  token: string
  /** Empty where the token names no client. */
  clientId: string
  scopes: string[]
  /** In seconds since 1970. */
  expiresAt: number
  /** The identifier of this API, where the validator has the option `resource`. */
  resource?: URL
  extra: {
    /** The verified token of this package. */
    accessToken: AccessToken
  }
}

/** Returns the resource identifier of the API; `undefined` without the option `resource`. */
export function getResource({ resourceMetadata }: ValidatorWithMetadata): string | undefined {
  const identifier = resourceMetadata?.document.resource
  return typeof identifier === 'string' ? identifier : undefined
}

/**
 * Returns the `AuthInfo` of the MCP SDK for a verified token, for servers without Express: the handler of
 * SDK 2.x takes it beside the request.
 */
export function createAuthInfo<C extends object>(
  accessToken: AccessToken<C>,
  validator: ValidatorWithMetadata,
): AuthInfo {
  return convertToAuthInfo(accessToken as unknown as AccessToken, getResource(validator))
}

export function convertToAuthInfo(
  accessToken: AccessToken,
  resource: string | undefined,
): AuthInfo {
  const { token, clientId = '', scopes, expiresAt } = accessToken
  const info = { token, clientId, scopes: [...scopes], expiresAt, extra: { accessToken } }
  return resource === undefined ? info : { ...info, resource: new URL(resource) }
}
