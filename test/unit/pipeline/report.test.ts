/** What the events about bound tokens contain, for an operator who migrates clients. */
import {
  createValidator,
  type HttpRequest,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const publicUrl = 'https://api.example.com'
const url = `${publicUrl}/reports`
let issuer: TestIssuer
beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterAll(() => issuer.close())

/** Authenticates requests one after the other, and returns the events about tokens. */
async function eventsOf(
  options: Partial<ValidatorOptions>,
  requests: readonly HttpRequest[],
): Promise<readonly ValidatorEvent[]> {
  const events: ValidatorEvent[] = []
  const validator = createValidator({
    issuer: issuer.issuer,
    audience: issuer.audience,
    publicUrl,
    onEvent: (event) => events.push(event),
    ...options,
  })
  for (const request of requests) await validator.authenticate(request).catch(() => undefined)
  return events.filter(({ type }) => type.startsWith('token.'))
}

const bearer = (token: string, headers = {}) => ({
  headers: { authorization: `Bearer ${token}`, ...headers },
})
const withProof = (token: string, dpop: string) => ({
  method: 'GET',
  url: '/reports',
  headers: { authorization: `DPoP ${token}`, dpop },
})

describe('the event of a token that is accepted', () => {
  it('lists what the request proved, so that a migration can be observed', async () => {
    const client = issuer.dpopClient()
    const certified = issuer.clientCertificate()
    const token = await client.token()
    const mtls = { certificate: () => certified.cert }
    const events = await eventsOf({ dpop: true, mtls }, [
      bearer(await issuer.token()),
      withProof(token, await client.proof({ url, token })),
      bearer(await certified.token()),
    ])
    expect(events).toMatchObject([{ proofs: [] }, { proofs: ['dpop'] }, { proofs: ['mtls'] }])
  })
})

describe('the event of a refusal', () => {
  it('names issuer and client of a valid token whose proof is refused, cached or not', async () => {
    const client = issuer.dpopClient()
    const token = await client.token({ client_id: 'app\n1' })
    const proof = await client.proof({ url: `${publicUrl}/other`, token })
    const events = await eventsOf({ dpop: true }, [
      withProof(token, proof),
      withProof(token, proof),
      bearer(await issuer.dpopClient().token(), { dpop: proof }),
    ])
    const refused = { type: 'token.refused', issuer: issuer.issuer }
    const wrongUri = { ...refused, proofReason: 'wrong_uri', clientId: 'app?1' }
    expect(events).toMatchObject([wrongUri, wrongUri, { ...refused, reason: 'binding_mismatch' }])
  })

  it('names issuer and client where a nonce or the replay store is the reason', async () => {
    const client = issuer.dpopClient()
    const token = await client.token()
    const requests = async () => [withProof(token, await client.proof({ url, token }))]
    const replayStore = { claim: () => Promise.reject(new Error('down')) }
    const nonce = { secret: new Uint8Array(32) }
    const expected = { issuer: issuer.issuer, clientId: 'test-client' }
    expect(await eventsOf({ dpop: { nonce } }, await requests())).toMatchObject([
      { ...expected, reason: 'use_dpop_nonce' },
    ])
    expect(await eventsOf({ dpop: { replayStore } }, await requests())).toMatchObject([
      {
        ...expected,
        reason: 'service_unavailable',
        detail: { hint: expect.stringContaining('dpop.replayStore') },
        cause: new Error('down'),
      },
    ])
  })

  it('names issuer and client of a token without the scope, but not of an unverified token', async () => {
    const [missing, expired] = await eventsOf({ requirement: { scopes: 'read' } }, [
      bearer(await issuer.token()),
      bearer(await issuer.tokens.expired()),
    ])
    expect(missing).toMatchObject({ status: 403, issuer: issuer.issuer, clientId: 'test-client' })
    expect(expired).toMatchObject({ reason: 'expired', clientId: undefined })
  })

  it('names issuer and client of a token that a later authorize refuses', async () => {
    const events: ValidatorEvent[] = []
    const validator = createValidator({
      issuer: issuer.issuer,
      audience: issuer.audience,
      onEvent: (event) => events.push(event),
    })
    const token = await validator.authenticate(bearer(await issuer.token()))
    await expect(validator.authorize(token, { scopes: 'read' })).rejects.toThrow()
    expect(events.at(-1)).toMatchObject({
      status: 403,
      issuer: issuer.issuer,
      clientId: 'test-client',
    })
  })

  it('has a hint for a certificate in a request that trusted does not accept', async () => {
    const { cert, token } = issuer.clientCertificate()
    const events = await eventsOf(
      { mtls: { certificate: { header: 'X-Cert', format: 'escaped-pem', trusted: () => false } } },
      [bearer(await token(), { 'x-cert': encodeURIComponent(cert) }), bearer(await token())],
    )
    expect(events).toMatchObject([
      { reason: 'binding_mismatch', detail: { hint: expect.stringMatching(/trusted did not/) } },
      { reason: 'binding_mismatch', detail: { hint: 'the request has no header field x-cert' } },
    ])
  })
})
