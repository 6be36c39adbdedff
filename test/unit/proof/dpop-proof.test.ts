import type { HttpRequest } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import {
  getDpopHeader,
  type ProofClaims,
  parseDpopProof,
  parseProofHeader,
  validateProofClaims,
  validateProofTime,
} from '../../../src/proof/dpop-proof.ts'
import { ath, bareJwk, kc1, proofClaims, proofHeader, token, uri } from '../../support/dpop.ts'
import { failureOf } from '../../support/failure-of.ts'
import { base64url } from '../../support/fixture.ts'

const encode = (value: unknown) => base64url(JSON.stringify(value))
const malformed = (hint: string) => ({ reason: 'malformed', hint })

describe('the header field DPoP', () => {
  const read = (headers: unknown) =>
    failureOf(() => getDpopHeader({ headers } as unknown as HttpRequest))

  it('9449-7.1-c is missing, and the error names it', () => {
    expect(read({})).toEqual({ reason: 'missing', name: 'DPoP' })
  })

  it('9449-4.3-1 must occur once, and the error says so', () => {
    expect(read({ dpop: ['a.b.c', 'a.b.c'] })).toEqual(malformed('more than one DPoP header field'))
  })

  it('must be a string', () => {
    expect(read({ dpop: [1] })).toEqual(malformed('the DPoP header field is not a string'))
  })
})

describe('a proof that cannot be parsed', () => {
  const payload = encode(proofClaims())

  it.each([
    ['x'.repeat(8_193), 'longer than 8192 characters'],
    ['x'.repeat(8_192), 'not three parts separated by dots'],
    [`a.${payload}.é`, 'not ASCII'],
    ['a.b', 'not three parts separated by dots'],
    [`a.${payload}.b+`, 'the signature is not canonical base64url'],
    ['a.b+.c', 'the signature is not canonical base64url'],
    ['a.b+.', 'the payload is not canonical base64url'],
    [`a.${base64url('{')}.`, 'the payload is not JSON'],
    [`a.${encode([])}.`, 'the payload is not a JSON object'],
  ])('9449-4.3-2 has a hint for the operator: %.20s, %s', (proof, hint) => {
    expect(failureOf(() => parseDpopProof(proof))).toEqual(malformed(hint))
  })

  it.each([
    ['jti', undefined, { reason: 'missing_claim' }],
    ['iat', undefined, { reason: 'missing_claim' }],
    ['htm', 1, { reason: 'invalid_claim', expected: 'a string that is not empty', actual: '1' }],
    ['nonce', '', { reason: 'invalid_claim', expected: 'a string that is not empty', actual: '' }],
    ['exp', 'x', { reason: 'invalid_claim', expected: 'a finite number of seconds', actual: 'x' }],
  ])('9449-4.3-3, 9449-4.3-3t names its claim %s if that is %j', (name, value, failure) => {
    const proof = `a.${encode(proofClaims({ [name]: value }))}.`
    expect(failureOf(() => parseDpopProof(proof))).toEqual({ name, ...failure })
  })
})

describe('the header of a proof', () => {
  const parse = (changes: Record<string, unknown>) =>
    parseProofHeader(encode(proofHeader(changes)), ['ES256', 'PS256'])

  it('has an algorithm and a key', () => {
    expect(parse({})).toEqual({ algorithm: 'ES256', jwk: bareJwk(kc1) })
  })

  it.each([
    [{ crit: ['x'] }, { reason: 'critical_header', name: 'crit' }],
    [{ b64: false }, { reason: 'critical_header', name: 'b64' }],
    [
      { typ: 'at+jwt' },
      { reason: 'wrong_type', name: 'typ', expected: 'dpop+jwt', actual: 'at+jwt' },
    ],
    [
      { typ: ['dpop+jwt'] },
      { reason: 'wrong_type', name: 'typ', expected: 'dpop+jwt', actual: 'dpop+jwt' },
    ],
    [
      { alg: 'ES384' },
      { reason: 'wrong_algorithm', name: 'alg', expected: 'ES256 PS256', actual: 'ES384' },
    ],
    [{ jwk: 'k' }, { reason: 'invalid_key', name: 'jwk', expected: 'a JSON object', actual: 'k' }],
  ])('is refused with its parameter, for %j', (changes, failure) => {
    expect(failureOf(() => parse(changes))).toEqual(failure)
  })

  it('9449-4.3-2 has a hint for the operator if it cannot be decoded', () => {
    const hint = 'the header is not canonical base64url'
    expect(failureOf(() => parseProofHeader('+', ['ES256']))).toEqual(malformed(hint))
  })
})

describe('a proof for another request', () => {
  const rules = { method: 'GET', targetUri: uri, token, now: 1_000, maxAge: 60, clockTolerance: 5 }
  const claims = parseDpopProof(`a.${encode(proofClaims({ iat: 1_000 }))}.`).claims
  const validate = (changes: Partial<ProofClaims>, context: object = {}) =>
    failureOf(() => validateProofClaims({ ...claims, ...changes }, { ...rules, ...context }))

  it('is refused with what was expected', () => {
    expect(validate({})).toBeUndefined()
    expect(validate({ htm: 'POST' })).toEqual({
      reason: 'wrong_method',
      name: 'htm',
      expected: 'GET',
      actual: 'POST',
    })
    const wrongUri = { reason: 'wrong_uri', name: 'htu' }
    expect(validate({ htu: 'https://x.test/?q' })).toEqual({
      ...wrongUri,
      expected: uri,
      actual: 'https://x.test/',
    })
    expect(validate({}, { targetUri: undefined })).toEqual({
      ...wrongUri,
      expected: 'undefined',
      actual: uri,
    })
    expect(validate({ ath: ath('x') })).toEqual({ reason: 'wrong_token', name: 'ath' })
  })
})

describe('the time of a proof', () => {
  const rules = { now: 1_000, maxAge: 60, clockTolerance: 20 }
  const validate = (times: Partial<ProofClaims>) =>
    failureOf(() => validateProofTime({ iat: 1_000, ...times } as ProofClaims, rules))

  it.each([
    [{ iat: 920.001 }, { iat: 920 }, 'too_old', 'later than 920'],
    [{ iat: 1_020 }, { iat: 1_020.001 }, 'issued_in_future', 'not later than 1020'],
    [{ exp: 980.001 }, { exp: 980 }, 'expired', 'later than 980'],
    [{ nbf: 1_020 }, { nbf: 1_020.001 }, 'not_yet_valid', 'not later than 1020'],
  ])('9449-4.3-11a, 9449-4.3-11d can be %j, but not %j', (accepted, refused, reason, expected) => {
    expect(validate(accepted)).toBeUndefined()
    const [[name, actual]] = Object.entries(refused) as [[string, number]]
    expect(validate(refused)).toEqual({ reason, name, expected, actual: String(actual) })
  })
})
