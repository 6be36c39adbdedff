/** Values of the option `fetch`: the global, those of node-fetch and undici, and wrappers. */
import { Agent } from 'node:https'
import nodeFetch from 'node-fetch'
import { createValidator, type ValidatorOptions } from 'oauth-resource-server'
import { ProxyAgent, fetch as undiciFetch } from 'undici'

const dispatcher = new ProxyAgent('http://proxy.example.com:3128')
const agent = new Agent({ ca: 'a certificate' })

const fetches: NonNullable<ValidatorOptions['fetch']>[] = [
  fetch,
  globalThis.fetch,
  (url, init) => fetch(url, init),
  undiciFetch,
  (url, init) => undiciFetch(url, { ...init, dispatcher }),
  nodeFetch,
  (url, init) => nodeFetch(url, { ...init, agent }),
  async () => new Response('{}', { headers: { etag: '"1"' } }),
  // @ts-expect-error: a response has a status
  async () => ({ headers: new Headers(), text: async () => '{}' }),
  // @ts-expect-error: it is a promise of a response
  () => new Response('{}'),
]

export const validators = fetches.map((fetch) =>
  createValidator({ issuer: 'https://as.example.com', audience: 'https://api.example.com', fetch }),
)
