import { describe, expect, it } from 'vitest'
import type { AccessToken } from '../../../src/access-token.ts'
import type { ValidationContext } from '../../../src/pipeline/context.ts'
import type { VerificationResult } from '../../../src/pipeline/verification-result.ts'
import {
  createAccessToken,
  getDpopResult,
  getNextNonce,
  getRequirements,
  getTokenLocation,
} from '../../../src/pipeline/verified-token.ts'
import { compileRequirement } from '../../../src/requirement/requirement.ts'

const result = {
  issuer: { issuer: 'https://as.test' },
  audience: ['a'],
  scopes: ['read'],
  expiresAt: 1,
  claims: {},
} as unknown as VerificationResult

const createToken = (context: object) =>
  createAccessToken(result, [], {
    presented: { token: 'secret' },
    requirements: [],
    ...context,
  } as unknown as ValidationContext)

describe('an access token', () => {
  it('has the scheme Bearer if the caller passed the token itself', () => {
    expect(createToken({}).scheme).toBe('Bearer')
    expect(createToken({ scheme: 'DPoP' }).scheme).toBe('DPoP')
  })

  it('contains the token, but not in a member that is listed', () => {
    const token = createToken({ presented: { token: 'secret', location: 'header' } })
    expect(token.token).toBe('secret')
    expect(JSON.stringify(token)).not.toContain('secret')
    expect(Object.keys({ ...token })).not.toContain('token')
  })

  it('has the place, the proof and the requirements of its request', () => {
    const requirements = [compileRequirement({ scopes: 'read' }, 'requirement')]
    const dpop = { nextNonce: 'next' }
    const presented = { token: 'secret', location: 'body' }
    const token = createToken({ presented, requirements, dpop })
    expect(getTokenLocation(token)).toBe('body')
    expect(getDpopResult(token)).toBe(dpop)
    expect(getNextNonce(token)).toBe('next')
    expect(getRequirements(token)).toBe(requirements)
  })

  it('has neither place nor proof if the caller passed the token itself', () => {
    const token = createToken({})
    expect(getTokenLocation(token)).toBeUndefined()
    expect(getDpopResult(token)).toBeUndefined()
    expect(getNextNonce(token)).toBeUndefined()
  })

  it('may be of another copy of the package, whose proof and requirements are not known', () => {
    const foreign = { ...createToken({}) } as AccessToken
    expect(getDpopResult(foreign)).toBeUndefined()
    expect(getRequirements(foreign)).toBeUndefined()
  })
})
