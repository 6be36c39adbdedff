/**
 * @module The HTTP side of the test issuer: routing by path, and the endpoints of the two documents that
 * resource servers read, metadata and key set.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { faults, type SimulatedFault } from './faults.ts'
import { sendJson } from './respond.ts'

/** How many requests each endpoint has received, failed ones included. Assign 0 to reset a counter. */
export interface RequestCounts {
  metadata: number
  jwks: number
  authorization: number
  token: number
  introspection: number
}

export interface Endpoint {
  readonly counter: keyof RequestCounts
  readonly methods: readonly string[]
  respond(request: IncomingMessage, response: ServerResponse): unknown
}

export interface DocumentEndpointOptions {
  readonly counter: keyof RequestCounts
  readonly contentType: string
  /** Returns the current document. */
  read(): object
  /** Returns the fault that is active, if any. */
  fault(): SimulatedFault | undefined
}

/** Creates an endpoint that serves one JSON document with an `ETag`, or a fault in its place. */
export function createDocumentEndpoint(options: DocumentEndpointOptions): Endpoint {
  const { counter, contentType, read, fault } = options

  function sendDocument(request: IncomingMessage, response: ServerResponse): void {
    const document = read()
    const etag = `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url')}"`
    if (matches(request.headers['if-none-match'], etag)) {
      response.writeHead(304, { ETag: etag }).end()
    } else {
      sendJson(response, 200, document, { 'Content-Type': contentType, ETag: etag })
    }
  }

  return {
    counter,
    methods: ['GET', 'HEAD'],
    respond(request, response) {
      const respond = () => sendDocument(request, response)
      const name = fault()
      return name === undefined ? respond() : faults[name](response, read(), respond)
    },
  }
}

/** Creates the listener that counts each request and passes it to the endpoint at its path. */
export function createRequestListener(
  endpoints: ReadonlyMap<string, Endpoint>,
  requests: RequestCounts,
): RequestListener {
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // `new URL` is not used: it would take the text after '//' as a host.
    const [path = ''] = String(request.url).split('?', 1)
    const endpoint = endpoints.get(path)
    if (endpoint === undefined) return sendJson(response, 404, { error: 'not_found' })
    requests[endpoint.counter]++
    if (!endpoint.methods.includes(String(request.method))) {
      const Allow = endpoint.methods.join(', ')
      return sendJson(response, 405, { error: 'invalid_request' }, { Allow })
    }
    await endpoint.respond(request, response)
  }

  return (request, response) => {
    // Rejects if the client has closed the connection: no response is possible.
    respond(request, response).catch(() => response.destroy())
  }
}

// RFC 9110 §13.1.2: a list of entity tags or '*', compared weakly.
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
