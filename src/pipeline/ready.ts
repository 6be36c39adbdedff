/** @module Prepares the issuers of a validator, for `Validator.ready`. */
import { ServiceUnavailableError } from '../errors.ts'
import { MissingUrlError } from '../issuer/discovery.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * Fetches metadata and keys where they are not fresh.
 *
 * @throws ServiceUnavailableError as soon as one issuer cannot be used.
 */
export async function prepareIssuers({ issuers, introspectors }: Pipeline): Promise<void> {
  const prepare = async (issuer: TrustedIssuer) => {
    try {
      await issuer.keys.current()
    } catch (error) {
      // An issuer that issues only opaque tokens may have no `jwks_uri`, and needs none.
      if (issuer.introspection === undefined || !isMissingJwksUri(error)) throw error
      await introspectors.get(issuer).ready()
    }
  }
  await Promise.all([...issuers.inUse()].map(prepare))
}

function isMissingJwksUri(error: unknown): boolean {
  return error instanceof ServiceUnavailableError && error.cause instanceof MissingUrlError
}
