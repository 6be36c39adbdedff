import { expect, it } from 'vitest'
import { findIssuerOfOpaqueToken } from '../../../src/introspection/token-routing.ts'
import { resolveIntrospection } from '../../../src/options/introspection.ts'

function issuer(name: string, tokenPrefix?: string) {
  const options = { authentication: { method: 'none' }, tokenPrefix }
  const context = { issuer: `https://${name}.test`, allowInsecureHttp: false, resource: undefined }
  return { name, introspection: resolveIntrospection(options, context) }
}

const jwtOnly = { name: 'jwt', introspection: undefined }
const some = [jwtOnly, issuer('rest'), issuer('a', 'a_'), issuer('ab', 'a_b')]
const find = (token: string, issuers = some) => findIssuerOfOpaqueToken(token, issuers)?.name

it.each([
  ['a_1', 'a'],
  ['a_b1', 'ab'],
  ['A_1', 'rest'],
  ['x', 'rest'],
])('sends %s to the issuer %s, in whatever order they are', (token, name) => {
  expect(find(token)).toBe(name)
  expect(find(token, some.toReversed())).toBe(name)
})

it('sends a token to no issuer whose prefix it does not have', () => {
  expect(find('x', [jwtOnly, issuer('a', 'a_')])).toBeUndefined()
  expect(find('x', [jwtOnly])).toBeUndefined()
})
