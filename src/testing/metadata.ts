/**
 * @module The metadata document of a test issuer.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 */
import { signingAlgorithms } from './keys.ts'

interface MetadataMembers {
  readonly issuer: string
  readonly jwksUri: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly introspectionEndpoint: string
  readonly algorithm: string
}

// RFC 8414 §2, with the members that OpenID Connect Discovery 1.0 requires.
export function createMetadata(members: MetadataMembers): object {
  const { issuer, jwksUri, authorizationEndpoint, tokenEndpoint } = members
  const { introspectionEndpoint, algorithm } = members
  const methods = ['client_secret_basic', 'client_secret_post']
  return {
    issuer,
    authorization_endpoint: authorizationEndpoint,
    token_endpoint: tokenEndpoint,
    jwks_uri: jwksUri,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'client_credentials'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: methods,
    introspection_endpoint: introspectionEndpoint,
    introspection_endpoint_auth_methods_supported: methods,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
    // RFC 9449 §5.1
    dpop_signing_alg_values_supported: signingAlgorithms,
  }
}
