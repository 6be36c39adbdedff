/** @module Creates a test issuer from its parts. */
import { createBadTokens } from './bad-tokens.ts'
import { createClientCertificates } from './client-certificate.ts'
import { createTestClock } from './clock.ts'
import { createDpopClient } from './dpop-client.ts'
import { createTokenEncrypter } from './encrypted-tokens.ts'
import { serveEndpoints } from './endpoints.ts'
import { createFaultControl } from './fault-control.ts'
import { createKeyRing } from './keys.ts'
import { createLoopbackServer } from './loopback-server.ts'
import { checkOptions, checkRotateOptions, type TestIssuerOptions } from './options.ts'
import type { TestIssuer } from './test-issuer.ts'
import { createTokenFactory } from './tokens.ts'

/**
 * Starts an authorization server with its own key pair on a free port of 127.0.0.1.
 *
 * Test issuers share no state, so any number of them can run at the same time. The process stays alive
 * until the issuer is closed: by `close()`, or at the end of the block with `await using`.
 *
 * @throws TypeError that names the unknown or malformed option.
 */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const settings = checkOptions(options)
  const { algorithm, audience, path, expiresIn, now } = settings
  const keys = createKeyRing(algorithm)
  const [server] = await Promise.all([createLoopbackServer(), keys.current()])
  const issuer = `${server.origin}${path}`
  const clock = createTestClock(now)
  const tokenFactory = createTokenFactory({ issuer, audience, expiresIn, keys, clock })
  const faultControl = createFaultControl(server)
  const { currentFault, fault, close } = faultControl
  const endpointOptions = { issuer, settings, tokenFactory, clock, currentFault }
  const { locations, introspection, requests } = serveEndpoints(server, endpointOptions)
  const encrypter = createTokenEncrypter(tokenFactory.token)
  return {
    issuer,
    ...locations,
    audience,
    token: (claims, header) => tokenFactory.token(claims, header),
    clientCertificate: createClientCertificates((claims) => tokenFactory.token(claims)),
    dpopClient: () =>
      createDpopClient({ token: tokenFactory.token, seconds: tokenFactory.seconds }),
    opaqueToken: introspection.opaqueToken,
    encryptedToken: encrypter.encryptedToken,
    get decryptionKeys() {
      return encrypter.decryptionKeys
    },
    revoke: introspection.revoke,
    introspectionFault: introspection.fault,
    tokens: createBadTokens(tokenFactory, createKeyRing(algorithm)),
    rotate: (options = {}) => keys.rotate(checkRotateOptions(options)),
    down: server.stop,
    up() {
      introspection.endFault()
      return faultControl.up()
    },
    fault,
    clock,
    requests,
    close,
    [Symbol.asyncDispose]: close,
  }
}
