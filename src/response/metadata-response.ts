/**
 * @module The HTTP responses of a metadata URL, for any framework. The document is public: no token is
 * needed, and scripts of every origin may read it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3.2 | RFC 9728, section 3.2}
 */
import type { ResourceMetadata } from './metadata-document.ts'

/** The metadata of one resource, ready to be sent. */
export interface MetadataEntry {
  /** Path and query of the URL. */
  readonly target: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

export interface MetadataResponse {
  readonly status: 200 | 204 | 405
  readonly headers: Readonly<Record<string, string>>
  /** Empty for HEAD, OPTIONS and refused methods. */
  readonly body: string
}

const methods = 'GET, HEAD, OPTIONS'

const preflight: MetadataResponse = Object.freeze({
  status: 204,
  headers: Object.freeze({
    Allow: methods,
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': methods,
    // Clients send headers of their own, for example MCP-Protocol-Version.
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': '86400',
  }),
  body: '',
})

const methodNotAllowed: MetadataResponse = Object.freeze({
  status: 405,
  headers: Object.freeze({
    Allow: methods,
    'Access-Control-Allow-Origin': '*',
    'Content-Length': '0',
  }),
  body: '',
})

export function createMetadataEntry({ url, document, maxAge }: ResourceMetadata): MetadataEntry {
  const { pathname, search } = new URL(url)
  const body = JSON.stringify(document)
  return Object.freeze({
    target: pathname + search,
    body,
    headers: Object.freeze({
      'Content-Type': 'application/json',
      'Content-Length': String(new TextEncoder().encode(body).length),
      'Cache-Control': `public, max-age=${maxAge}`,
      'Access-Control-Allow-Origin': '*',
    }),
  })
}

/**
 * Creates the response to a request for the metadata URL; `undefined` for a request for any other URL.
 * Compares only path and query, and these exactly.
 *
 * @param target The request target, which may be a whole URL. Where a router rewrites it, pass the
 * original one.
 */
export function createMetadataResponse(
  entry: MetadataEntry,
  method: string | undefined,
  target: string | undefined,
): MetadataResponse | undefined {
  if (target === undefined || toOriginForm(target) !== entry.target) return undefined
  switch (method ?? 'GET') {
    case 'GET':
      return { status: 200, headers: entry.headers, body: entry.body }
    case 'HEAD':
      return { status: 200, headers: entry.headers, body: '' }
    case 'OPTIONS':
      return preflight
    default:
      return methodNotAllowed
  }
}

// RFC 9112 §3.2.2: a request target may be a whole URL. Its host is ignored. `//host/path` is a path.
function toOriginForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '')
}
