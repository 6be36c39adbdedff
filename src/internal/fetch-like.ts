/**
 * @module The part of `fetch` that this package uses. Typed structurally, so that the global `fetch`,
 * that of the packages `undici` and `node-fetch`, and a function around one of them all fit. Types only.
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
  /** Aborted when the time for the request is over. */
  readonly signal: AbortSignal
}

/** The part of a response that is read. */
export interface FetchLikeResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** A WHATWG `ReadableStream` or a Node stream; null where there is no body. */
  readonly body?: unknown
  /** Called only for a body that is not a stream, and only within the limit of octets. */
  text(): Promise<string>
}

/** Makes one outbound request. A rejection is treated as a failure of the network. */
export type FetchLike = (url: string, init: FetchLikeInit) => Promise<FetchLikeResponse>
