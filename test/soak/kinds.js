// @ts-check
/** The kinds of requests of a soak, and the statuses that are right for each. */
import { randomBytes } from 'node:crypto'
import { createPool, pick } from './pool.js'

/** @typedef {import('./timeline.js').Moment} Moment */
/** @typedef {import('oauth-resource-server/testing').TestIssuer} TestIssuer */
/** @typedef {{ issuer: TestIssuer, origin: string, timeline: import('./timeline.js').Timeline }} Context */
/** @typedef {{ headers: Record<string, string>, onStatus?: ((status: number) => void) | undefined }} Sendable */
/**
 * @typedef {object} Kind
 * @property {string} title
 * @property {number} weight how often it is sent
 * @property {(moment: Moment) => readonly number[]} expect
 * @property {() => Promise<Sendable>} make
 * @property {(moment: Moment) => boolean} [isSent] whether it is sent at this moment
 */

const scope = 'read:reports'
const bearer = (/** @type {string} */ token) => ({ authorization: `Bearer ${token}` })
const always = (/** @type {number} */ status) => () => [status]

/** @param {number} status @param {import('./timeline.js').Availability} availability */
const unlessDown = (status, availability) =>
  ({ up: [status], failing: [status, 503], down: [503], recovering: [status, 503] })[availability]

/** Signed tokens. Outages of the issuer do not affect those whose key is known. @param {Context} context @returns {Kind[]} */
export function jwtKinds({ issuer, timeline }) {
  /** The generation of which a new token was accepted: the API has the new keys. */
  let accepted = 0
  /** Tokens of the generation before. @type {string[]} */
  let withdrawn = []
  const create = () => issuer.token({ scope })
  const known = createPool(500, create, timeline, (tokens) => {
    withdrawn = tokens.slice(0, 2)
  })
  /** @param {string} title @param {number} weight @param {number} status @param {() => Promise<string>} make @returns {Kind} */
  const simple = (title, weight, status, make) => ({
    title,
    weight,
    expect: always(status),
    make: async () => ({ headers: bearer(await make()) }),
  })
  return [
    simple('a known JWT', 50, 200, known),
    {
      title: 'a new JWT',
      weight: 12,
      expect: always(200),
      async make() {
        const { generation } = timeline.now()
        const onStatus = () => {
          accepted = Math.max(accepted, generation)
        }
        return { headers: bearer(await create()), onStatus }
      },
    },
    {
      title: 'a known JWT of a withdrawn key',
      weight: 20,
      // Few, because each causes a request for the keys.
      isSent: ({ generation, keys }) =>
        withdrawn.length > 0 && accepted === generation && keys === 'up',
      expect: ({ keys }) => (keys === 'up' ? [401] : [401, 503]),
      make: async () => ({ headers: bearer(withdrawn.pop() ?? '') }),
    },
    simple('a JWT without the scope', 2, 403, () => issuer.token()),
    simple('an expired JWT', 1, 401, () => issuer.tokens.expired({ scope })),
    simple('a JWT for another API', 1, 401, () => issuer.tokens.wrongAudience({ scope })),
    simple('a JWT that was changed', 1, 401, () => issuer.tokens.tampered({ scope })),
    simple('a JWT with a forged signature', 1, 401, () => issuer.tokens.foreignKey({ scope })),
  ]
}

/** What depends on the issuer. @param {Context} context @returns {Kind[]} */
export function outageKinds({ issuer, timeline }) {
  const opaque = createPool(200, async () => issuer.opaqueToken({ scope }))
  const inactive = createPool(10, async () => randomBytes(32).toString('base64url'))
  /** Where a result of an introspection is cached, its status is right until the result is too old. */
  const introspected = (/** @type {number} */ status) => (/** @type {Moment} */ moment) =>
    moment.introspection === 'down' && moment.cached
      ? [status, 503]
      : unlessDown(status, moment.introspection)
  /** @param {'keys' | 'introspection'} what @param {number} right */
  const noticing = (what, right) => {
    const sent = timeline.now()
    return (/** @type {number} */ status) => {
      if (status === right) timeline.recovered(what, sent)
    }
  }
  return [
    {
      title: 'a known opaque token',
      weight: 10,
      expect: introspected(200),
      make: async () => ({ headers: bearer(await opaque()) }),
    },
    {
      title: 'a new opaque token',
      weight: 2,
      expect: ({ introspection }) => unlessDown(200, introspection),
      make: async () => ({
        headers: bearer(issuer.opaqueToken({ scope })),
        onStatus: noticing('introspection', 200),
      }),
    },
    {
      title: 'an inactive opaque token',
      weight: 1,
      expect: introspected(401),
      make: async () => ({ headers: bearer(await inactive()) }),
    },
    {
      title: 'an unknown key in an outage',
      weight: 1,
      // At other times a flood of them would delay the rotation.
      isSent: ({ keys }) => keys === 'down' || keys === 'recovering',
      expect: ({ keys }) => unlessDown(401, keys),
      async make() {
        const onStatus = noticing('keys', 401)
        return { headers: bearer(await issuer.tokens.unknownKey({ scope })), onStatus }
      },
    },
  ]
}

/** Tokens that are bound to a key. @param {Context} context @returns {Kind[]} */
export function dpopKinds({ issuer, origin, timeline }) {
  const clients = createPool(
    20,
    async () => {
      const client = issuer.dpopClient()
      return { client, token: await client.token({ scope }) }
    },
    timeline,
  )
  /** Credentials that were used, the most recent ones. @type {Record<string, string>[]} */
  let used = []
  const withProof = async (/** @type {string} */ path) => {
    const { client, token } = await clients()
    const dpop = await client.proof({ url: origin + path, token })
    return { authorization: `DPoP ${token}`, dpop }
  }
  return [
    {
      title: 'a new DPoP proof',
      weight: 10,
      expect: always(200),
      async make() {
        const headers = await withProof('/reports')
        const onStatus = () => {
          used = [headers, ...used.slice(0, 49)]
        }
        return { headers, onStatus }
      },
    },
    {
      title: 'a DPoP proof that was used',
      weight: 2,
      expect: always(401),
      isSent: () => used.length > 0,
      make: async () => ({ headers: pick(used) }),
    },
    {
      title: 'a DPoP proof for another URL',
      weight: 1,
      expect: always(401),
      make: async () => ({ headers: await withProof('/elsewhere') }),
    },
    {
      title: 'a bound JWT without a proof',
      weight: 1,
      expect: always(401),
      make: async () => ({ headers: bearer((await clients()).token) }),
    },
    { title: 'no token', weight: 2, expect: always(401), make: async () => ({ headers: {} }) },
  ]
}
