import { createTestIssuer } from 'oauth-resource-server/testing'
import { expect, it } from 'vitest'

it('contains the members of RFC 8414 and OpenID Connect Discovery', async () => {
  await using issuer = await createTestIssuer({ path: '/tenant', algorithm: 'EdDSA' })
  const { origin } = new URL(issuer.issuer)
  const url = `${origin}/.well-known/oauth-authorization-server/tenant`
  const methods = ['client_secret_basic', 'client_secret_post']
  expect(await (await fetch(url)).json()).toEqual({
    issuer: `${origin}/tenant`,
    authorization_endpoint: `${origin}/tenant/authorize`,
    token_endpoint: `${origin}/tenant/token`,
    jwks_uri: `${origin}/tenant/jwks`,
    introspection_endpoint: `${origin}/tenant/introspect`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'client_credentials'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: methods,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['EdDSA'],
    // RFC 9449 §5.1
    dpop_signing_alg_values_supported: [
      ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
      ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
    ],
  })
})
