import type { JWK, JWTVerifyResult } from 'jose'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach } from 'vitest'
import { verifyWithJose } from './verify-with-jose.ts'

/** The time of the test issuer, in seconds since 1970. */
export const epoch = 1_700_000_000

/** The test issuer of the current test. */
export let issuer: TestIssuer

/** Starts a test issuer before each test of the file, and closes it afterwards. */
export function startIssuerInEachTest(): void {
  beforeEach(async () => {
    issuer = await createTestIssuer({ now: () => epoch * 1000 })
  })
  afterEach(() => issuer.close())
}

export function verify(token: string, from: TestIssuer = issuer): Promise<JWTVerifyResult> {
  return verifyWithJose(token, from)
}

export async function publishedKeys(): Promise<JWK[]> {
  const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: JWK[] }
  return keys
}

export async function publishedKids(): Promise<unknown[]> {
  return (await publishedKeys()).map(({ kid }) => kid)
}
