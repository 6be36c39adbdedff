/**
 * @module Verifies that a request proves possession of the keys that its token is bound to. Connects the
 * confirmation methods of the token with the proofs of the request: mutual TLS first, because it costs less
 * than DPoP.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7800#section-3.1 | RFC 7800, section 3.1}
 */
import type { HttpRequest, Proof } from '../access-token.ts'
import {
  createGetCertificateThumbprint,
  hintForMissingCertificate,
} from '../credentials/client-certificate.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { createGetTargetUri } from '../credentials/target-uri.ts'
import { InvalidTokenError } from '../errors.ts'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { ResolvedDpop } from '../options/dpop.ts'
import type { ResolvedMtls } from '../options/mtls.ts'
import { getDpopHeader } from '../proof/dpop-proof.ts'
import { createDpopVerifier } from '../proof/dpop-verifier.ts'
import { validateCertificateBinding } from '../proof/mtls.ts'
import type { Claims } from '../token/claim.ts'
import { type Confirmation, readConfirmation } from '../token/confirmation.ts'
import type { ValidationContext } from './context.ts'
import type { ProofVerifier } from './pipeline.ts'
import type { VerificationResult } from './verification-result.ts'
import { getDpopResult } from './verified-token.ts'

export interface ProofOptions {
  readonly dpop: (ResolvedDpop & { readonly publicUrl: string }) | undefined
  readonly mtls: ResolvedMtls | undefined
  /** Seconds. */
  readonly clockTolerance: number
  /** Milliseconds. */
  readonly now: () => number
}

const noProofs: readonly Proof[] = Object.freeze([])
const dpopOnly: readonly Proof[] = Object.freeze(['dpop'])
const mtlsOnly: readonly Proof[] = Object.freeze(['mtls'])
const dpopAndMtls: readonly Proof[] = Object.freeze(['dpop', 'mtls'])

const unbound: Confirmation = Object.freeze({ jkt: undefined, x5tS256: undefined })

export function createProofVerifier({
  dpop,
  mtls,
  clockTolerance,
  now,
}: ProofOptions): ProofVerifier {
  const verifyDpop = dpop && createVerifyDpop({ ...dpop, clockTolerance, now })
  const validateCertificate = mtls && createValidateCertificate(mtls)
  const isRequired = dpop?.required === true || mtls?.required === true

  function readAndValidateBinding(
    claims: Claims,
    context: ValidationContext,
  ): Confirmation | undefined {
    const isDisabled = dpop === undefined && mtls === undefined
    if (isDisabled && Object.hasOwn(claims, 'cnf')) throw unsupported('cnf', disabledHint)
    const confirmation = readConfirmation(claims)
    validateBinding(confirmation, context)
    return confirmation
  }

  /**
   * Runs before keys are fetched, and again in `verify`, because `readAndValidateBinding` runs only for a JWT
   * that is not cached.
   */
  function validateBinding(
    confirmation: Confirmation | undefined,
    { request, scheme }: ValidationContext,
  ): void {
    const { jkt, x5tS256 } = confirmation ?? unbound
    if (jkt !== undefined && dpop === undefined) throw unsupported('cnf.jkt', dpopHint)
    if (x5tS256 !== undefined && mtls === undefined) throw unsupported('cnf.x5t#S256', mtlsHint)
    if (confirmation !== undefined && request === undefined) throw unsupported('cnf', requestHint)
    // RFC 9449 §7.2: a DPoP-bound token must not be accepted as a bearer token.
    if (jkt !== undefined && scheme !== 'DPoP') throw mismatch('cnf.jkt', downgradeHint)
    if (jkt === undefined && (scheme === 'DPoP' || dpop?.required)) {
      // A missing proof is reported first: `getDpopHeader` throws.
      if (scheme === 'DPoP' && request !== undefined) getDpopHeader(request)
      throw new InvalidTokenError('missing_claim', { name: 'cnf.jkt', hint: unboundHint })
    }
    if (mtls?.required && x5tS256 === undefined) {
      throw new InvalidTokenError('missing_claim', {
        name: 'cnf.x5t#S256',
        hint: noCertificateHint,
      })
    }
  }

  function verify(
    result: VerificationResult,
    context: ValidationContext,
  ): MaybePromise<readonly Proof[]> {
    const { confirmation } = result
    // Most tokens end here: the checks after this line would accept them too.
    if (confirmation === undefined && !isRequired && context.scheme !== 'DPoP') return noProofs
    validateBinding(confirmation, context)
    if (confirmation === undefined) return noProofs
    const { jkt, x5tS256 } = confirmation
    // `validateBinding` refuses an `x5t#S256` without the option `mtls`, and a `jkt` without `dpop`.
    if (x5tS256 !== undefined) {
      const validate = validateCertificate as ValidateCertificate
      validate(x5tS256, context.request as HttpRequest)
    }
    if (jkt === undefined) return mtlsOnly
    return (verifyDpop as VerifyDpop)(
      jkt,
      result.issuer,
      context,
      x5tS256 === undefined ? dpopOnly : dpopAndMtls,
    )
  }

  return { readAndValidateBinding, verify }
}

type ValidateCertificate = (x5tS256: string, request: HttpRequest) => void

function createValidateCertificate({ certificate }: ResolvedMtls): ValidateCertificate {
  const getThumbprint = createGetCertificateThumbprint(certificate)
  return (x5tS256, request) => {
    const thumbprint = getThumbprint(request)
    const hint =
      thumbprint === undefined ? hintForMissingCertificate(request, certificate) : undefined
    validateCertificateBinding(x5tS256, thumbprint, hint)
  }
}

type VerifyDpop = (
  jkt: string,
  issuer: TrustedIssuer,
  context: ValidationContext,
  proofs: readonly Proof[],
) => Promise<readonly Proof[]>

function createVerifyDpop(
  options: ResolvedDpop & Pick<ProofOptions, 'clockTolerance' | 'now'> & { publicUrl: string },
): VerifyDpop {
  const verifier = createDpopVerifier(options)
  const getTargetUri = createGetTargetUri(options.publicUrl)
  return async (jkt, issuer, context, proofs) => {
    const request = context.request as HttpRequest
    const { token } = context.presented as PresentedToken
    const { previousToken } = context
    context.dpop = await verifier.verify({
      request,
      targetUri: getTargetUri(request),
      token,
      jkt,
      issuer,
      earlier: previousToken && getDpopResult(previousToken),
    })
    return proofs
  }
}

const disabledHint =
  'the options dpop and mtls are not set, so tokens that are bound to a key are refused'
const dpopHint = 'the option dpop is not set, so tokens that are bound by DPoP are refused'
const mtlsHint = 'the option mtls is not set, so tokens that are bound to a certificate are refused'
const requestHint =
  'validate() has no request that could prove possession of the key: use authenticate()'
const downgradeHint =
  'the token is bound by DPoP: the client must send it in the scheme DPoP, with a proof'
const noCertificateHint = 'the token is not bound to a client certificate'
const unboundHint = 'the token is not bound by DPoP: the client must request it with a proof'

function unsupported(name: string, hint: string): InvalidTokenError {
  return new InvalidTokenError('unsupported_binding', { name, hint })
}

function mismatch(name: string, hint: string): InvalidTokenError {
  return new InvalidTokenError('binding_mismatch', { name, hint })
}
