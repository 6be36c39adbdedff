import { createValidator, type HttpRequest, type ValidatorOptions } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { resolveOptions } from '../../../src/options/resolve.ts'
import type { ValidationContext } from '../../../src/pipeline/context.ts'
import { createPipeline } from '../../../src/pipeline/pipeline.ts'
import type { VerificationResult } from '../../../src/pipeline/verification-result.ts'
import { makeCertificate } from '../../support/certificate.ts'
import { jkt1, makeProof } from '../../support/dpop.ts'
import { fixtureOptions, t0 } from '../../support/fixture.ts'

const client = await makeCertificate({ commonName: 'client' })
const other = await makeCertificate({ commonName: 'other' })
const byDpop = { jkt: jkt1 }
const byMtls = { 'x5t#S256': client.thumbprint }
const socketOf = ({ der }: typeof client) => ({ getPeerCertificate: () => ({ raw: der }) })

const required = { required: true }
const dpop = { dpop: true, publicUrl: 'https://rs.test' }
const mtls = { mtls: true }
const binding = 'binding_mismatch'
const hints = {
  disabled: 'the options dpop and mtls are not set, so tokens that are bound to a key are refused',
  dpop: 'the option dpop is not set, so tokens that are bound by DPoP are refused',
  mtls: 'the option mtls is not set, so tokens that are bound to a certificate are refused',
  request: 'validate() has no request that could prove possession of the key: use authenticate()',
  downgrade: 'the token is bound by DPoP: the client must send it in the scheme DPoP, with a proof',
  unbound: 'the token is not bound by DPoP: the client must request it with a proof',
  noCertificate: 'the token is not bound to a client certificate',
  plain:
    'the connection has no client certificate: it is not a TLS connection (behind a proxy, set mtls.certificate), or the server did not ask for one (requestCert), or the client sent none',
  other: 'the request has another client certificate',
}

interface Case {
  readonly options?: Partial<ValidatorOptions>
  readonly cnf?: object
  readonly scheme?: 'Bearer' | 'DPoP'
  /** Sent in the scheme DPoP. */
  readonly proof?: string | undefined
  readonly request?: Partial<HttpRequest>
  /** Calls `validate`, which has no request. */
  readonly withoutRequest?: boolean
}

async function refusal({ options, cnf, scheme = 'Bearer', proof, request, withoutRequest }: Case) {
  const validator = createValidator(fixtureOptions(options))
  const token = t0(cnf && { cnf })
  const headers = { authorization: `${scheme} ${token}`, dpop: proof }
  const outcome = withoutRequest
    ? validator.validate(token)
    : validator.authenticate({ headers, method: 'GET', url: '/api/p', ...request })
  return outcome.then(
    () => expect.fail('the token was accepted'),
    (error) => error,
  )
}

describe('a token whose binding cannot be verified', () => {
  it.each<[string, Case, object]>([
    [
      'any key, where no proof is configured',
      { cnf: byDpop },
      { reason: 'unsupported_binding', detail: { name: 'cnf', hint: hints.disabled } },
    ],
    [
      'DPoP, where only mTLS is configured',
      { options: mtls, cnf: byDpop },
      { reason: 'unsupported_binding', detail: { name: 'cnf.jkt', hint: hints.dpop } },
    ],
    [
      'a certificate, where only DPoP is configured',
      { options: dpop, cnf: byMtls },
      { reason: 'unsupported_binding', detail: { name: 'cnf.x5t#S256', hint: hints.mtls } },
    ],
    [
      'a certificate, without a request',
      { options: mtls, cnf: byMtls, withoutRequest: true },
      { reason: 'unsupported_binding', detail: { name: 'cnf', hint: hints.request } },
    ],
  ])('is refused with a hint for the operator: by %s', async (_, given, expected) => {
    expect(await refusal(given)).toMatchObject(expected)
  })
})

describe('a request without the proof of its token', () => {
  it.each<[string, Case, object]>([
    [
      'a token of DPoP in the scheme Bearer',
      { options: dpop, cnf: byDpop },
      { reason: binding, detail: { name: 'cnf.jkt', hint: hints.downgrade } },
    ],
    [
      'an unbound token, where DPoP is required',
      { options: { ...dpop, dpop: required } },
      { reason: 'missing_claim', detail: { name: 'cnf.jkt', hint: hints.unbound } },
    ],
    [
      'an unbound token in the scheme DPoP',
      { options: dpop, scheme: 'DPoP', proof: makeProof() },
      { reason: 'missing_claim', detail: { name: 'cnf.jkt', hint: hints.unbound } },
    ],
    [
      'an unbound token in the scheme DPoP, without a proof',
      { options: dpop, scheme: 'DPoP' },
      { code: 'invalid_dpop_proof', reason: 'missing', detail: { name: 'DPoP' } },
    ],
    [
      'an unbound token, where a certificate is required',
      { options: { mtls: required } },
      { reason: 'missing_claim', detail: { name: 'cnf.x5t#S256', hint: hints.noCertificate } },
    ],
    [
      'no certificate',
      { options: mtls, cnf: byMtls },
      { reason: binding, detail: { name: 'cnf.x5t#S256', hint: hints.plain } },
    ],
    [
      'another certificate',
      { options: mtls, cnf: byMtls, request: { socket: socketOf(other) } },
      {
        reason: binding,
        detail: { name: 'cnf.x5t#S256', actual: other.thumbprint, hint: hints.other },
      },
    ],
  ])('is refused with a hint for the operator: %s', async (_, given, expected) => {
    expect(await refusal(given)).toMatchObject(expected)
  })
})

describe('the result for an unbound token that is cached', () => {
  function verify(options: Partial<ValidatorOptions>, scheme: 'Bearer' | 'DPoP') {
    const { proof } = createPipeline(resolveOptions(fixtureOptions(options)))
    const request = { headers: { dpop: makeProof() } }
    const result = { confirmation: undefined } as VerificationResult
    return proof.verify(result, { request, scheme } as unknown as ValidationContext)
  }

  it.each<[string, Partial<ValidatorOptions>]>([
    ['without options', {}],
    ['with dpop and mtls', { ...dpop, ...mtls }],
  ])('needs no proof in the scheme Bearer, %s', (_, options) => {
    expect(verify(options, 'Bearer')).toEqual([])
  })

  it.each<[string, Partial<ValidatorOptions>, 'Bearer' | 'DPoP', string]>([
    ['in the scheme DPoP', dpop, 'DPoP', 'cnf.jkt'],
    ['where DPoP is required', { ...dpop, dpop: required }, 'Bearer', 'cnf.jkt'],
    ['where a certificate is required', { mtls: required }, 'Bearer', 'cnf.x5t#S256'],
  ])('is refused %s', (_, options, scheme, name) => {
    const detail = expect.objectContaining({ name })
    expect(() => verify(options, scheme)).toThrow(
      expect.objectContaining({ reason: 'missing_claim', detail }),
    )
  })
})
