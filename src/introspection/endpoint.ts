/**
 * @module Finds the URL of an issuer's introspection endpoint, in the options or in the issuer's metadata.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 */
import type { Observer } from '../events/observer.ts'
import type { ClientAuthenticationMethod } from '../events.ts'
import { FetchError, type FetchOptions, fetchJson } from '../internal/fetch-json.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { printable } from '../internal/printable.ts'
import {
  fetchMetadata,
  type MetadataDocument,
  type MetadataSource,
  readMetadataUrl,
} from '../issuer/discovery.ts'
import { freshnessLifetime } from '../keys/freshness-lifetime.ts'

export interface EndpointOptions {
  readonly issuer: string
  /** If set, the metadata is not read. */
  readonly endpoint: string | undefined
  readonly allowInsecureHttp: boolean
  readonly method: ClientAuthenticationMethod
  /** Seconds for which metadata without `max-age` is used. */
  readonly metadataMaxAge: number
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

export interface IntrospectionEndpoint {
  /** Whether the URL is known, from the options or from earlier metadata. */
  readonly isKnown: () => boolean
  /** @throws FetchError */
  readonly locate: (signal: AbortSignal) => string | Promise<string>
  /** Whether the metadata lists the method of authentication; `undefined` if it has no list of methods. */
  readonly isMethodListed: () => boolean | undefined
  /**
   * Expires the metadata after a failed introspection, because the endpoint may have moved. Has an effect
   * at most once a minute, and none if the URL is from the options.
   */
  readonly expireMetadata: () => void
}

/** The shortest age in seconds at which a failure expires the metadata. */
const minMetadataAge = 60

interface Located {
  readonly url: string
  readonly methods: readonly string[] | undefined
}

export function createIntrospectionEndpoint(options: EndpointOptions): IntrospectionEndpoint {
  const { issuer, method, now, observer, fetch } = options
  let located: Located | undefined =
    options.endpoint === undefined ? undefined : { url: options.endpoint, methods: undefined }
  let readAt = Number.NEGATIVE_INFINITY
  let expiresAt = Number.POSITIVE_INFINITY
  let pending: Promise<string> | undefined

  const isFresh = () => now() >= readAt && now() < expiresAt

  async function read(signal: AbortSignal): Promise<string> {
    readAt = now()
    const request: FetchOptions = { fetch, now, signal }
    try {
      const found = await fetchMetadata(
        issuer,
        (url) => fetchJson(url, request),
        (json, url, cacheControl) => ({
          url: readEndpoint(json, { ...options, url }),
          methods: readMethods(json),
          cacheControl,
        }),
      )
      expiresAt = now() + freshnessLifetime(found.cacheControl, options.metadataMaxAge) * 1000
      if (!isSame(found, located)) reportUnlistedMethod(found)
      located = found
      return found.url
    } catch (error) {
      // The URL that was found before is still used.
      if (located === undefined) throw error
      expiresAt = now() + options.metadataMaxAge * 1000
      const reason = error instanceof FetchError ? error.reason : 'network'
      observer.emit({ type: 'metadata.failed', issuer, reason, cause: error })
      return located.url
    }
  }

  function reportUnlistedMethod({ methods }: Located): void {
    if (methods === undefined || isListed(methods, method)) return
    const listed = printable(methods)
    observer.emit({ type: 'introspection.method_unlisted', issuer, method, listed })
  }

  return {
    isKnown: () => located !== undefined,
    locate(signal) {
      if (located !== undefined && isFresh()) return located.url
      pending ??= read(signal).finally(() => {
        pending = undefined
      })
      return pending
    },
    isMethodListed() {
      const methods = located?.methods
      return methods === undefined ? undefined : isListed(methods, method)
    },
    expireMetadata() {
      if (options.endpoint !== undefined) return
      if (now() - readAt >= minMetadataAge * 1000) expiresAt = 0
    },
  }
}

function readEndpoint(json: MetadataDocument, source: MetadataSource): string {
  if (json.introspection_endpoint !== undefined) {
    return readMetadataUrl(json, 'introspection_endpoint', source)
  }
  const message = 'the metadata has no introspection_endpoint: set introspection.endpoint'
  throw new FetchError('not_metadata', source.url, message)
}

function readMethods(json: MetadataDocument): readonly string[] | undefined {
  const methods = json.introspection_endpoint_auth_methods_supported
  if (!Array.isArray(methods)) return undefined
  return methods.filter((method) => typeof method === 'string')
}

// RFC 8414 §2: the list has methods and types of access tokens. The type Bearer is case-insensitive.
function isListed(methods: readonly string[], method: ClientAuthenticationMethod): boolean {
  return methods.some((listed) => listed.toLowerCase() === method)
}

function isSame(a: Located, b: Located | undefined): boolean {
  return b !== undefined && a.url === b.url && String(a.methods) === String(b.methods)
}
