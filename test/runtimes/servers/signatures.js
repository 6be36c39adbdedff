// @ts-nocheck See frameworks.js.
/**
 * Runs in a separate project with the installed tarball. Prints the results for a valid and a tampered
 * token of every signature algorithm.
 */
import { createValidator } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'

const names = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'
const issuer = await createTestIssuer()
const validator = createValidator({ issuer: issuer.issuer, audience: issuer.audience })

/** @param {(claims: object, header: object) => Promise<string>} mint */
async function outcomesOf(mint) {
  const tokens = await Promise.all(names.split(' ').map((alg) => mint({}, { alg })))
  const results = tokens.map((token) =>
    validator.validate(token).then(
      () => 'accepted',
      ({ reason, message }) => reason ?? message,
    ),
  )
  return [...new Set(await Promise.all(results))].join(' and ')
}

const good = await outcomesOf(issuer.token)
console.log('%s, tampered %s', good, await outcomesOf(issuer.tokens.tampered))
await issuer.close()
