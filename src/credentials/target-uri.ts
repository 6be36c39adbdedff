/**
 * @module Computes the target URI of a request, as the client sees it, from the option `publicUrl` and the
 * path of the request. Never reads `Host`, `Forwarded` or `X-Forwarded-*`, because a client can set them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.1 | RFC 9110, section 7.1}
 */
import { removeQuery } from '../internal/remove-query.ts'

/** The parts of a request that its target URI depends on. */
interface RequestTarget {
  readonly url?: string | undefined
  /** Set by Express and connect: the target before a mounted router shortens `url`. */
  readonly originalUrl?: string | undefined
}

/** Returns the target URI without its query; `undefined` where the request has no usable target. */
export type GetTargetUri = (request: RequestTarget) => string | undefined

/**
 * Creates the function that returns the target URI of a request.
 *
 * @param publicUrl An absolute URL. Its path is the prefix that a proxy strips from requests.
 */
export function createGetTargetUri(publicUrl: string): GetTargetUri {
  const { origin, pathname } = new URL(publicUrl)
  const prefix = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  return (request) => {
    const path = getPath(request.originalUrl ?? request.url)
    if (path === undefined) return undefined
    // `..` could leave the prefix, and the proof would be for another API of the same host. A refusal affects
    // few requests: clients and proxies usually remove dot segments.
    if (prefix !== '' && dotSegment.test(path)) return undefined
    return origin + prefix + path
  }
}

/** Returns the path of a request target (RFC 9112 §3.2); `undefined` for the authority-form and other texts. */
function getPath(target: unknown): string | undefined {
  if (typeof target !== 'string') return undefined
  const path = removeQuery(target)
  // The origin-form. A path that begins with two slashes is a path: it must not be parsed as a URL.
  if (path.startsWith('/')) return path
  // The asterisk-form, of OPTIONS: the target URI has no path.
  if (path === '*') return ''
  // The absolute-form, which proxies receive and fetch requests have: its authority is ignored.
  if (!absoluteForm.test(path)) return undefined
  const slash = path.indexOf('/', path.indexOf('://') + 3)
  return slash === -1 ? '' : path.slice(slash)
}

// RFC 3986 §5.2.4; §6.2.2.2: the dots may be percent-encoded.
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i

const absoluteForm = /^[a-z][a-z0-9+.-]*:\/\//i
