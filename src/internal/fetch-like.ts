/**
 * @module The part of `fetch` that this package uses. The types accept the global `fetch`, the `fetch` of
 * the packages `undici` and `node-fetch`, and a wrapper of one of these. Types only.
 */

/** The second argument that a {@link FetchLike} receives. */
export interface FetchLikeInit {
  /** Absent: GET. */
  readonly method?: 'POST'
  readonly headers: Record<string, string>
  readonly body?: string
  /** Redirects are never followed. */
  readonly redirect: 'manual'
  readonly credentials: 'omit'
  /** Aborted when the request times out. */
  readonly signal: AbortSignal
}

/** The part of a response that this package reads. */
export interface FetchLikeResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** A WHATWG `ReadableStream` or a Node stream; null if the response has no body. */
  readonly body?: unknown
  /**
   * Called only if the body is not a stream, `Content-Length` is within the limit, and there is no
   * `Content-Encoding`.
   */
  text(): Promise<string>
}

/** Makes one outbound request. A rejection is treated as a network failure, or after the abort as a timeout. */
export type FetchLike = (url: string, init: FetchLikeInit) => Promise<FetchLikeResponse>
