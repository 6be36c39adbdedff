/**
 * @module The test kit, `oauth-resource-server/testing`: an authorization server in this process, on a
 * loopback port, for the tests of an API. Not for production. Imports of the validator only
 * types and `internal/parse-url.ts`, because a mistake in shared code would be hidden from the tests.
 */
export {
  type BadTokenName,
  type BadTokens,
  badTokenNames,
  type MintBadToken,
} from './bad-tokens.ts'
export type { ClientCertificate } from './client-certificate.ts'
export type { TestClock } from './clock.ts'
export { createTestIssuer } from './create-test-issuer.ts'
export type { DpopClient, DpopProofRequest } from './dpop-client.ts'
export type { FaultName } from './faults.ts'
export { type IntrospectionFaultName, introspectionFaultNames } from './introspection-endpoint.ts'
export type { SigningAlgorithm } from './keys.ts'
export type { TestClient, TestIssuerOptions } from './options.ts'
export type { RequestCounts } from './request-listener.ts'
export type { TestIssuer } from './test-issuer.ts'
