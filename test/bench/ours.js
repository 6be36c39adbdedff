/** @module This package as a contender: the build in dist, and another build to compare it with. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { requiredScope } from './tokens.js'

/** @typedef {import('./contenders.js').Setup} Setup */
/** @typedef {import('./contenders.js').Contender} Contender */
/** @typedef {(setup: Setup, file: string) => Promise<any>} ImportBuilt imports a file of a build */

/**
 * A build of this package.
 *
 * @param {string} label
 * @param {ImportBuilt} importBuilt
 * @returns {Contender}
 */
const createOurs = (label, importBuilt) => {
  const adapter = async (/** @type {Setup} */ setup, /** @type {string} */ name) =>
    await importBuilt(setup, `adapters/${name}.js`)
  const middleware = (/** @type {string} */ name) => async (/** @type {Setup} */ setup) =>
    (await adapter(setup, name)).authenticate(ourOptions(setup))
  return {
    label,
    packages: [],
    lacks: [],
    takes: 'token',
    async createVerify(setup) {
      const { createValidator } = await importBuilt(setup, 'index.js')
      const validator = createValidator(ourOptions(setup))
      return (token) => validator.validate(token)
    },
    express: middleware('express'),
    koa: middleware('koa'),
    http: middleware('http'),
    authorize: async (setup, framework) =>
      (await adapter(setup, framework)).authorize({ scopes: requiredScope }),
  }
}

/** @type {ImportBuilt} */
export const importOurs = async (_setup, file) =>
  await import(new URL(`../../dist/${file}`, import.meta.url).href)

export const ours = createOurs('**oauth-resource-server**', importOurs)

/** @type {ImportBuilt} */
export const importBefore = async ({ before: folder = '' }, file) =>
  await import(pathToFileURL(join(folder, file)).href)

export const before = createOurs('oauth-resource-server, before', importBefore)

/** @param {Setup} setup */
const ourOptions = ({ issuer, audience, algorithm }) => ({
  issuer,
  audience,
  algorithms: [algorithm],
})

/** Opaque tokens. Their results stay in the cache for the whole measurement. @type {Contender} */
export const oursOpaque = {
  label: 'oauth-resource-server, opaque tokens',
  packages: [],
  lacks: [],
  takes: 'token',
  opaque: true,
  async createVerify(setup) {
    const { createValidator } = await importOurs(setup, 'index.js')
    const { issuer, introspectionUri: endpoint } = setup
    const authentication = {
      method: 'client_secret_basic',
      clientId: 'bench',
      clientSecret: 'bench',
    }
    const introspection = { authentication, endpoint, maxAge: 3600, inactiveMaxAge: 0 }
    const options = { ...ourOptions(setup), issuer: { issuer, introspection } }
    const validator = createValidator(options)
    return (token) => validator.validate(token)
  },
}
