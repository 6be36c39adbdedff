/**
 * Three tenants with servers of their own, for the property in issuers.ts: which keys they publish, how
 * their servers fail, and a record of what was asked for and delivered, in one order of events.
 */
import { makeKey, type TestKey } from '../../support/fixture.ts'

export const AUD = 'https://rs.test/api'
export const start = 1_800_000_000
export const tenants = ['https://a.test', 'https://b.test/t', 'https://c.test'] as const
/** The tenant whose `jwksUri` is an option. */
export const direct = 2

/** Under the same `kid` for every tenant. The last one is never published. */
export const keys: readonly (readonly TestKey[])[] = tenants.map(() =>
  [0, 1, 2, 3].map((index) => makeKey('ES256', `k${index}`)),
)
export const neverPublished = 3

export const faults = [
  'good',
  'good',
  'good',
  'refused',
  'hanging',
  'drip',
  'retry after',
  'status 500',
  'garbage',
  'not modified',
  'empty',
  'redirect',
  'other issuer',
  'slow',
  'too slow',
  'reset',
] as const
export type Fault = (typeof faults)[number]
export const modes = [
  'trusted',
  'trusted',
  'trusted',
  'changed',
  'removed',
  'throws',
  'rejects',
  'hangs',
  'slow',
  'another',
  'null',
] as const
export type Mode = (typeof modes)[number]

/** An answer of a tenant's server with a key set. */
export interface Delivery {
  readonly requestedAt: number
  readonly at: number
  readonly published: ReadonlySet<number>
  readonly compromised: ReadonlySet<number>
}

interface KeyState {
  readonly index: number
  readonly isPrivate: boolean
}

/** A tenant's server. Each validator has a record of its own. */
export interface TenantServer {
  published: readonly KeyState[]
  /** Counts how often the keys moved. */
  location: number
  old: 'gone' | 'serves on' | 'refused'
  jwks: Fault
  metadata: Fault
  /** When it last failed, in seconds of simulated time. */
  failedAt: number
  changes: number
}

export const newServer = (): TenantServer => ({
  published: [{ index: 0, isPrivate: false }],
  location: 0,
  old: 'gone',
  jwks: 'good',
  metadata: 'good',
  failedAt: Number.NEGATIVE_INFINITY,
  changes: 0,
})

export function isFailing({ jwks, metadata, published, old }: TenantServer): boolean {
  const isUnusable = published.every(({ isPrivate }) => isPrivate)
  return jwks !== 'good' || metadata !== 'good' || old === 'refused' || isUnusable
}

let order = 0
/** Numbers an event: what comes later has a larger number. */
export const nextEvent = (): number => ++order

export const after = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000)
  })
const never = <T>(): Promise<T> => new Promise(() => {})

const json = (body: unknown, headers: Record<string, string> = {}) =>
  Response.json(body, { headers })

/** Every set that was ever published, by its ETag. */
const setsByEtag = new Map<string, readonly KeyState[]>()

function jwkOf(tenant: number, { index, isPrivate }: KeyState) {
  const key = keys[tenant]?.[index] as TestKey
  return { ...key.jwk, ...(isPrivate && { d: 'AQAB' }) }
}

export function createNetwork(
  servers: readonly TenantServer[],
  delivered: (tenant: number, path: string, delivery: Delivery) => void,
) {
  const requests: { readonly url: string; readonly tenant: number }[] = []
  let outstanding = 0

  async function fetch(
    input: string,
    { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Response> {
    const url = String(input)
    const tenant = tenants.findIndex((name) => url.startsWith(new URL(name).origin))
    requests.push({ url, tenant })
    const server = servers[tenant]
    if (server === undefined)
      return url.includes('hang') ? never() : new Response(null, { status: 404 })
    outstanding++
    try {
      return url.includes('/.well-known/')
        ? await answerMetadata(tenant, server, url)
        : await answerJwks(tenant, server, url, headers['if-none-match'], signal)
    } finally {
      outstanding--
    }
  }

  async function answerMetadata(tenant: number, server: TenantServer, url: string) {
    const { pathname } = new URL(tenants[tenant] as string)
    const path = `/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
    const location = server.location
    await fail(server.metadata)
    const special = specialAnswer(server.metadata)
    if (special !== undefined) return special
    if (!url.endsWith(path)) return new Response(null, { status: 404 })
    const issuer = server.metadata === 'other issuer' ? 'https://evil.test' : tenants[tenant]
    return json({
      issuer,
      jwks_uri: `${new URL(tenants[tenant] as string).origin}/jwks/${location}`,
    })
  }

  async function answerJwks(
    tenant: number,
    server: TenantServer,
    url: string,
    sentEtag: string | undefined,
    signal: AbortSignal,
  ) {
    const requestedAt = nextEvent()
    const path = new URL(url).pathname
    const isOld = path.startsWith('/jwks/') && path !== `/jwks/${server.location}`
    if (isOld && server.old === 'gone') return new Response(null, { status: 404 })
    if (isOld && server.old === 'refused') throw new TypeError('fetch failed')
    const { published } = server
    await fail(server.jwks)
    const known = sentEtag === undefined ? undefined : setsByEtag.get(sentEtag)
    const current = `"${tenant} ${JSON.stringify(published)}"`.replaceAll('"', "'")
    const etag = `"${current.replaceAll(' ', '_')}"`
    const isUnchanged = known !== undefined && (server.jwks === 'not modified' || sentEtag === etag)
    const special = isUnchanged ? undefined : specialAnswer(server.jwks)
    if (special !== undefined) return special
    const list = isUnchanged ? known : published
    setsByEtag.set(etag, published)
    if (!signal.aborted) {
      const isCompromised = (index: number) =>
        list.some((key) => key.index === index && key.isPrivate)
      const indexes = [...new Set(list.map(({ index }) => index))]
      delivered(tenant, path.startsWith('/direct') ? 'direct' : 'discovered', {
        requestedAt,
        at: nextEvent(),
        published: new Set(indexes.filter((index) => !isCompromised(index))),
        compromised: new Set(indexes.filter(isCompromised)),
      })
    }
    if (isUnchanged) return new Response(null, { status: 304 })
    return json({ keys: list.map((key) => jwkOf(tenant, key)) }, { etag })
  }

  return { fetch, requests, outstanding: () => outstanding }
}

async function fail(fault: Fault): Promise<void> {
  if (fault === 'refused') throw new TypeError('fetch failed')
  if (fault === 'reset') {
    throw new TypeError('fetch failed', {
      cause: Object.assign(new Error(), { code: 'ECONNRESET' }),
    })
  }
  if (fault === 'hanging') await never()
  if (fault === 'slow') await after(0.6)
  if (fault === 'too slow') await after(2.4)
}

function specialAnswer(fault: Fault): Response | undefined {
  if (fault === 'drip') {
    return new Response(new ReadableStream({ start: (body) => body.enqueue(Buffer.from('{')) }))
  }
  if (fault === 'retry after') {
    return new Response(null, { status: 503, headers: { 'retry-after': '7' } })
  }
  if (fault === 'status 500') return new Response(null, { status: 500 })
  if (fault === 'garbage') return new Response('<html>')
  if (fault === 'not modified') return new Response(null, { status: 304 })
  if (fault === 'empty') return json({ keys: [] })
  if (fault !== 'redirect') return undefined
  return new Response(null, { status: 302, headers: { location: 'https://evil.test/' } })
}
