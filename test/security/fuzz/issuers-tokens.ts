/** The tokens of the property in issuers.ts. */
import { base64url, signBytes, type TestKey } from '../../support/fixture.ts'
import { AUD, keys, start, tenants } from './issuers-simulation.ts'

const lifetime = { iat: start - 100_000_000, exp: start + 1_000_000_000 }

function sign(tenant: number, key: TestKey, header: Record<string, unknown>): string {
  const claims = { iss: tenants[tenant], aud: AUD, sub: 'user', ...lifetime }
  const input = [{ alg: 'ES256', typ: 'at+jwt', ...header }, claims]
    .map((part) => base64url(JSON.stringify(part)))
    .join('.')
  return `${input}.${base64url(signBytes('ES256', key.privateKey, Buffer.from(input)))}`
}

/** Signed once: by tenant and key. */
export const genuine = tenants.map((_, tenant) =>
  (keys[tenant] ?? []).map((key) => sign(tenant, key, { kid: key.jwk.kid })),
)
export const withoutKid = tenants.map((_, tenant) =>
  (keys[tenant] ?? []).map((key) => sign(tenant, key, {})),
)
/** With the key of another tenant under the same name. */
export const forged = tenants.map((_, tenant) =>
  (keys[(tenant + 1) % tenants.length] ?? []).map((key) => sign(tenant, key, { kid: key.jwk.kid })),
)

let madeUp = 0
/** Another one each time, with a signature of the right length. */
export function unverifiable(iss: string, header: Record<string, unknown> = {}): string {
  madeUp++
  const parts = [
    { alg: 'ES256', typ: 'at+jwt', kid: `made-up-${madeUp}`, ...header },
    { iss, aud: AUD, sub: 'user', ...lifetime },
  ]
  return `${parts.map((part) => base64url(JSON.stringify(part))).join('.')}.${'A'.repeat(86)}`
}
