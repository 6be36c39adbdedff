/**
 * @module The base class of all refusals, and the parts that they have in common. Imports nothing of this
 * package.
 */
import { types } from 'node:util'

/**
 * What the operator needs to understand a refusal. Values from a token are single decoded claims or
 * header parameters. They are untrusted until the signature is verified, so control and formatting
 * characters are replaced and every value is cut to 200 characters.
 */
export interface ErrorDetail {
  /** The claim or header parameter in question. */
  readonly name?: string
  readonly expected?: string
  readonly actual?: string
  /**
   * The likely mistake. May contain configured values, text from the issuer's servers, and the name of
   * an MCP tool from the request (untrusted).
   */
  readonly hint?: string
  /** The trusted issuer of the token. */
  readonly issuer?: string
  readonly algorithm?: string
  readonly kid?: string
}

/**
 * Headers of the response, as `response.writeHead` takes them. `WWW-Authenticate` is an array with one
 * challenge, and so one header line, per entry. Where only strings are allowed, as in AWS Lambda, join
 * the entries (RFC 9110 §5.3):
 *
 * ```js
 * const headers = Object.fromEntries(
 *   Object.entries(error.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
 * )
 * ```
 */
export type ErrorResponseHeaders = Record<string, string | string[]>

/** The JSON body of the response. */
export interface ErrorResponseBody {
  readonly error: string
  readonly error_description: string
}

// From the global symbol registry, so that all copies of the package have the same one.
const brand = Symbol.for('oauth-resource-server.error')
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance]

/**
 * The base class of every refusal. `message` is a fixed sentence; `expose` says whether the client may read it.
 * A custom server responds with `status`, `headers` and `body`.
 *
 * Its stack has no frames: a refusal is an expected result, and recording ten frames takes about 5 µs.
 */
export abstract class AccessTokenError extends Error {
  // Declared here and set by constructors: field initializers would double the cost of an error.
  abstract readonly code: string
  abstract readonly status: number
  /** Whether `message` may be shown to the client. */
  abstract readonly expose: boolean
  /** `detail` and `headers` are complete when a validator throws the error. */
  declare detail: ErrorDetail
  declare headers: ErrorResponseHeaders
  declare readonly body: ErrorResponseBody | undefined

  constructor(
    message: string,
    body?: ErrorResponseBody,
    detail: ErrorDetail = {},
    cause?: unknown,
  ) {
    const limit = Error.stackTraceLimit
    limitStack(0)
    super(message, cause === undefined ? undefined : { cause })
    limitStack(limit)
    this.detail = detail
    this.body = body
    this.headers = {}
  }
}

Object.defineProperty(AccessTokenError.prototype, brand, { value: true })
Object.defineProperty(AccessTokenError, Symbol.hasInstance, { value: hasInstance })

/** Makes `instanceof` recognise the errors of another copy of the package too, by their names. */
function hasInstance(this: typeof AccessTokenError, value: unknown): boolean {
  try {
    if (isOrdinaryInstance.call(this, value)) return true
    if (!types.isNativeError(value) || !(brand in value)) return false
    if (this === AccessTokenError) return true
    // Another copy of the package has no instances of a subclass that the application declared.
    return Object.hasOwn(this.prototype, 'name') && value.name === this.prototype.name
  } catch {
    // Code that handles an error must not fail because the error cannot be read.
    return false
  }
}

function limitStack(limit: number): void {
  try {
    Error.stackTraceLimit = limit
  } catch {
    // The application froze the built-in objects. (Reflect.set does not throw, but takes longer.)
  }
}
