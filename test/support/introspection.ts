/**
 * A validator, and an authorization server on loopback whose responses a test chooses. The test controls
 * the clock of the validator.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type AccessToken,
  AccessTokenError,
  createValidator,
  type IntrospectionOptions,
  InvalidTokenError,
  type IssuerOptions,
  ServiceUnavailableError,
  type Validator,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { expect, onTestFinished } from 'vitest'
import type { Pipeline } from '../../src/pipeline/pipeline.ts'
import { pipelineOf } from '../../src/validator.ts'
import { AUD } from './fixture.ts'

/** What the server received. */
interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly form: URLSearchParams
}

/** Returns an object to send as JSON with status 200, or writes the response itself. */
export type Respond = (request: Received, response: ServerResponse) => unknown

export interface AuthorizationServer {
  readonly origin: string
  readonly endpoint: string
  readonly received: Received[]
  respond: Respond
}

export const credentials = {
  method: 'client_secret_basic',
  clientId: 'rs:1',
  clientSecret: 's%+ :é',
} as const

/** Starts a server that is closed when the test has finished. */
export async function startAuthorizationServer(respond: Respond): Promise<AuthorizationServer> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const { method, url, headers } = request
    const entry = { method, url, headers, body, form: new URLSearchParams(body) }
    received.push(entry)
    const answer = await authorizationServer.respond(entry, response)
    if (typeof answer !== 'object' || answer === null || answer === response) return
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close().closeAllConnections()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const authorizationServer = { origin, endpoint: `${origin}/introspect`, received, respond }
  return authorizationServer
}

export interface Setup {
  readonly options?: Partial<IntrospectionOptions>
  /** Options of the issuer. */
  readonly settings?: Partial<IssuerOptions>
  /** Options of the validator. */
  readonly validator?: Partial<ValidatorOptions>
  readonly timeout?: number
}

export interface Api {
  readonly validator: Validator
  readonly pipeline: Pipeline
  /** All events except those of single tokens. */
  readonly events: ValidatorEvent[]
  /** Lets seconds pass on the clock. */
  readonly pass: (seconds: number) => void
  readonly seconds: () => number
  readonly introspect: (token: string) => Promise<AccessToken>
  /** Resolves to `OK`, or to the status of the refusal: `401 <reason>` or `503`. */
  readonly outcomeFor: (token: string) => Promise<string>
}

/** Creates a validator for the issuer at this server, with its endpoint as option. */
export function createApi(
  server: Pick<AuthorizationServer, 'origin' | 'endpoint'>,
  setup: Setup = {},
): Api {
  let time = Date.now()
  const events: ValidatorEvent[] = []
  const validator = createValidator({
    issuer: {
      issuer: server.origin,
      introspection: { authentication: credentials, endpoint: server.endpoint, ...setup.options },
      ...setup.settings,
    },
    audience: AUD,
    clockTolerance: 0,
    keys: { timeout: setup.timeout ?? 5 },
    now: () => time,
    onEvent: (event) => {
      if (!event.type.startsWith('token.')) events.push(event)
    },
    ...setup.validator,
  })
  return {
    validator,
    pipeline: pipelineOf(validator as unknown as Validator<object>) as Pipeline,
    events,
    pass(seconds) {
      time += seconds * 1000
    },
    seconds: () => time / 1000,
    introspect: (token) => validator.validate(token),
    outcomeFor: (token) => outcomeOf(() => validator.validate(token)),
  }
}

async function outcomeOf(introspect: () => Promise<unknown>): Promise<string> {
  try {
    await introspect()
    return 'OK'
  } catch (error) {
    if (!(error instanceof AccessTokenError)) throw error
    if (error instanceof InvalidTokenError) return `401 ${error.reason}`
    expect(error).toBeInstanceOf(ServiceUnavailableError)
    const { service, retryAfter } = error as ServiceUnavailableError
    expect(service).toBe('introspection')
    expect(Number.isInteger(retryAfter) && retryAfter >= 1).toBe(true)
    return '503'
  }
}

/** The members of a response for a good token. A member that is changed to `undefined` is left out. */
export function active(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const exp = Math.floor(Date.now() / 1000) + 300
  return { active: true, aud: AUD, sub: 'user-1', client_id: 'c', scope: 'read:a', exp, ...changes }
}
