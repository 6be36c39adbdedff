/**
 * @module Serves the metadata document of an API, in every adapter. Depends on no framework.
 */
import { defaultMaxAge, type ResourceMetadata } from '../response/metadata-document.ts'
import {
  createMetadataEntry,
  createMetadataResponse,
  type MetadataEntry,
  type MetadataResponse,
} from '../response/metadata-response.ts'
import type { Validator } from '../validator.ts'
import type { NodeResponse } from './error-response.ts'

/** A validator, or an object of the application that wraps one. */
export type ValidatorWithMetadata = Pick<Validator, 'resourceMetadata'>

/** @throws TypeError for a validator without the option `resource`. */
export function readMetadataEntry(validator: ValidatorWithMetadata): MetadataEntry {
  const metadata: Partial<ResourceMetadata> | undefined = validator?.resourceMetadata
  const { url, document, maxAge = defaultMaxAge } = metadata ?? {}
  if (url === undefined || document === undefined) {
    throw new TypeError('resourceMetadata takes a validator that has the option resource')
  }
  return createMetadataEntry({ url, document, maxAge })
}

/** The members of a request that determine the response. */
interface MetadataRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string | undefined
}

/**
 * Responds to a request for the metadata URL.
 *
 * @returns `true` if it has responded; `false` for any other URL.
 * @throws Whatever the request or the response throws.
 */
export function serveMetadata(
  entry: MetadataEntry,
  { method, url, originalUrl }: MetadataRequest,
  response: object,
  send: (response: NodeResponse, found: MetadataResponse) => void = sendMetadata,
): boolean {
  const found = createMetadataResponse(entry, method, originalUrl ?? url)
  if (found === undefined) return false
  send(response as NodeResponse, found)
  return true
}

function sendMetadata(response: NodeResponse, found: MetadataResponse): void {
  response.statusCode = found.status
  setMetadataHeaders(response, found)
  response.end(found.body)
}

export function setMetadataHeaders(response: NodeResponse, { headers }: MetadataResponse): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // Credentials are not allowed together with the origin `*`, so remove what a CORS middleware has set.
  response.removeHeader('Access-Control-Allow-Credentials')
}
