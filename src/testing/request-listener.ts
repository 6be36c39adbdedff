/**
 * The HTTP face of the test issuer: which path leads where, and how the two documents that resource
 * servers read (metadata and key set) are answered.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { type AnsweringFault, faults } from './faults.ts'
import { answerJson } from './respond.ts'

/** How many requests reached each endpoint, whatever the answer was. Assign 0 to start afresh. */
export interface RequestCounts {
  metadata: number
  jwks: number
  token: number
}

export interface Endpoint {
  readonly counter: keyof RequestCounts
  readonly methods: readonly string[]
  answer(request: IncomingMessage, response: ServerResponse): unknown
}

export interface DocumentEndpointOptions {
  readonly counter: keyof RequestCounts
  readonly contentType: string
  /** Returns the document as it is now. */
  read(): object
  /** Returns the fault that answers in its place, if any. */
  fault(): AnsweringFault | undefined
}

/** Creates an endpoint that shows one JSON document, with an `ETag`, or fails on demand. */
export function createDocumentEndpoint(options: DocumentEndpointOptions): Endpoint {
  const { counter, contentType, read, fault } = options

  function answerDocument(request: IncomingMessage, response: ServerResponse): void {
    const document = read()
    const etag = `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url')}"`
    if (matches(request.headers['if-none-match'], etag)) {
      response.writeHead(304, { ETag: etag }).end()
    } else {
      answerJson(response, 200, document, { 'Content-Type': contentType, ETag: etag })
    }
  }

  return {
    counter,
    methods: ['GET', 'HEAD'],
    answer(request, response) {
      const answer = () => answerDocument(request, response)
      const name = fault()
      return name === undefined ? answer() : faults[name](response, read(), answer)
    },
  }
}

/** Creates the listener that leads each request to the endpoint at its path, and counts it. */
export function createRequestListener(
  endpoints: ReadonlyMap<string, Endpoint>,
  requests: RequestCounts,
): RequestListener {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Not a URL object: a request target may be anything, and '//' would make it a host.
    const [path = ''] = String(request.url).split('?', 1)
    const endpoint = endpoints.get(path)
    if (endpoint === undefined) return answerJson(response, 404, { error: 'not_found' })
    requests[endpoint.counter]++
    if (!endpoint.methods.includes(String(request.method))) {
      const Allow = endpoint.methods.join(', ')
      return answerJson(response, 405, { error: 'invalid_request' }, { Allow })
    }
    await endpoint.answer(request, response)
  }

  return (request, response) => {
    // Only a client that went away in the middle brings this about: there is nobody to answer.
    answer(request, response).catch(() => response.destroy())
  }
}

// RFC 9110 §13.1.2: a list of entity tags or '*', compared weakly
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
