import { createRemoteJWKSet, type JWTVerifyResult, jwtVerify } from 'jose'
import type { TestIssuer } from 'oauth-resource-server/testing'

/** Verifies a token of a test issuer with jose, by RFC 9068, with keys fetched over HTTP. */
export function verifyWithJose(token: string, issuer: TestIssuer): Promise<JWTVerifyResult> {
  return jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)), {
    issuer: issuer.issuer,
    audience: issuer.audience,
    typ: 'at+jwt',
    requiredClaims: ['sub', 'client_id', 'iat', 'exp', 'jti'],
    currentDate: new Date(issuer.clock.now()),
  })
}
