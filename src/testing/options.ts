/** @module The options of a test issuer: types, defaults and checks. */
import { isSigningAlgorithm, type SigningAlgorithm, signingAlgorithms } from './keys.ts'

/** A client that may request tokens, and an API that may introspect them. */
export interface TestClient {
  readonly id: string
  readonly secret: string
  /**
   * The scopes that the client may request. A request without `scope` is granted all of them.
   *
   * @defaultValue any scope; a request without `scope` is granted none
   */
  readonly scopes?: readonly string[] | undefined
  /**
   * The values of `aud` that the client may request.
   *
   * @defaultValue any API
   */
  readonly audiences?: readonly string[] | undefined
}

export interface TestIssuerOptions {
  /**
   * The algorithm of the issuer's first key. Generating an RSA key takes about 200 ms, any other 1 ms.
   *
   * @defaultValue `'ES256'`
   */
  readonly algorithm?: SigningAlgorithm | undefined
  /**
   * The `aud` of `token()`, and of the token endpoint where the request names no API.
   *
   * @defaultValue `'https://api.example.com'`
   */
  readonly audience?: string | undefined
  /**
   * The path of the issuer identifier. `'/'` and `'/tenant/'` test terminating slashes.
   *
   * @defaultValue `''`, as in `http://127.0.0.1:49152`
   */
  readonly path?: string | undefined
  /**
   * The clients that may request and introspect tokens.
   *
   * @defaultValue `[{ id: 'test-client', secret: 'test-secret' }]`
   */
  readonly clients?: readonly TestClient[] | undefined
  /**
   * How long a token is valid, in seconds.
   *
   * @defaultValue 300
   */
  readonly expiresIn?: number | undefined
  /**
   * The text that opaque tokens begin with, the same as `introspection.tokenPrefix` of the validator.
   *
   * @defaultValue `''`
   */
  readonly tokenPrefix?: string | undefined
  /**
   * Returns the time of `clock` before it is advanced, in milliseconds since the epoch. `() => 0` stops
   * the clock.
   *
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined
}

/** The options, checked and with every default filled in. */
export interface Settings {
  readonly algorithm: SigningAlgorithm
  readonly audience: string
  readonly path: string
  readonly clients: readonly TestClient[]
  readonly expiresIn: number
  readonly tokenPrefix: string
  readonly now: () => number
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError that names the first invalid option and what it expects.
 */
export function checkOptions(options: TestIssuerOptions): Settings {
  const settings: Settings = {
    algorithm: options.algorithm ?? 'ES256',
    audience: options.audience ?? 'https://api.example.com',
    path: options.path ?? '',
    clients: options.clients ?? [{ id: 'test-client', secret: 'test-secret' }],
    expiresIn: options.expiresIn ?? 300,
    tokenPrefix: options.tokenPrefix ?? '',
    // Date.now is read on each call, so that fake timers that are installed later apply.
    now: options.now ?? (() => Date.now()),
  }
  for (const name of Object.keys(options)) {
    expectThat(
      Object.hasOwn(settings, name),
      `no option named ${name}: its options are ${Object.keys(settings).join(', ')}`,
    )
  }
  const { algorithm, audience, path, clients, expiresIn, tokenPrefix, now } = settings
  expectThat(
    isSigningAlgorithm(algorithm),
    `algorithm to be one of ${signingAlgorithms.join(', ')}`,
  )
  expectThat(isText(audience), 'audience to be a string that is not empty')
  expectThat(
    isPath(path),
    "path to be '' or an absolute path without query or fragment, in its URL-encoded form",
  )
  expectThat(
    Array.isArray(clients) && clients.every(isClient),
    'clients to be an array of { id, secret, scopes?, audiences? }',
  )
  expectThat(
    new Set(clients.map(({ id }) => id)).size === clients.length,
    'clients to list each id once',
  )
  expectThat(
    Number.isFinite(expiresIn) && expiresIn > 0,
    'expiresIn to be a positive number of seconds',
  )
  expectThat(
    typeof tokenPrefix === 'string' && /^[\w\-.~+/]*$/.test(tokenPrefix),
    'tokenPrefix to be the beginning of a token',
  )
  expectThat(typeof now === 'function', 'now to be a function that returns milliseconds')
  return settings
}

function expectThat(holds: boolean, expectation: string): void {
  if (!holds) throw new TypeError(`createTestIssuer expects ${expectation}`)
}

function isPath(path: unknown): boolean {
  if (path === '') return true
  if (!isText(path) || !path.startsWith('/') || path.startsWith('//')) return false
  return new URL(path, 'http://127.0.0.1').href === `http://127.0.0.1${path}` && !/[?#]/.test(path)
}

function isClient(client: TestClient): boolean {
  const { id, secret, scopes = [], audiences = [] }: TestClient = Object(client)
  return [id, secret].every(isText) && isList(scopes, isScopeToken) && isList(audiences, isText)
}

function isList(list: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isItem)
}

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
function isScopeToken(value: unknown): boolean {
  return isText(value) && /^[!#-[\]-~]+$/.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** @throws TypeError for a misspelt option, which would otherwise keep the old keys valid. */
export function checkRotateOptions(options: { readonly withdraw?: boolean | undefined }): boolean {
  const { withdraw = false, ...others } = options
  if (typeof withdraw === 'boolean' && Object.keys(others).length === 0) return withdraw
  throw new TypeError('rotate takes { withdraw }, which is true or false')
}
