import { readFileSync } from 'node:fs'
import { InsufficientScopeError } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import type { AccessToken } from '../../../src/access-token.ts'
import { createDetailsReader } from '../../../src/requirement/authorization-details.ts'
import { createRequirementEvaluator } from '../../../src/requirement/evaluate.ts'
import { compileRequirement } from '../../../src/requirement/requirement.ts'

const api = 'https://rs.test/api'
const payment = { type: 'payment', actions: ['initiate'] }

const file = new URL('../../vectors/rfc-examples/rfc-examples.json', import.meta.url)
const examples: { wellknown: { rfc9728bis_path_prefix: [string, string, boolean][] } } = JSON.parse(
  readFileSync(file, 'utf8'),
)

const read = (claim: unknown, identifiers: readonly string[] = [api]) =>
  createDetailsReader(identifiers)({ authorization_details: claim } as never)

const missing = 'the token has no authorization_details'
const malformed = 'the claim authorization_details is malformed'
const elsewhere = 'locations of authorization_details do not name this API'

describe('authorization details', () => {
  it('are all for this API if none of its identifiers is a URL', () => {
    const claim = [payment, { ...payment, locations: ['https://other.test'] }]
    expect(read(claim, ['api'])).toEqual({ details: claim, problem: undefined })
  })

  it('are read with all members that RFC 9396 defines, and others', () => {
    const detail = {
      ...payment,
      locations: [api],
      datatypes: ['a'],
      identifier: 'x',
      privileges: ['admin'],
      amount: { currency: 'EUR' },
    }
    expect(read([detail, payment])).toEqual({ details: [detail, payment], problem: undefined })
  })

  it.each([
    ['text', 'payment'],
    ['JSON in text', '[{"type":"payment"}]'],
    ['an object', payment],
    ['null', null],
    ['a list of text', ['payment']],
    ['a list of lists', [[payment]]],
    ['a list with null', [payment, null]],
    ['a detail without a type', [payment, { actions: ['initiate'] }]],
    ['an empty type', [{ type: '' }]],
    ['a type that is a list', [{ type: ['payment'] }]],
    ['a type that is inherited', [Object.create({ type: 'payment' })]],
    ['actions that are text', [{ type: 'payment', actions: 'initiate' }]],
    ['actions with a number', [{ type: 'payment', actions: [1] }]],
    ['locations that are text', [{ type: 'payment', locations: api }]],
    ['datatypes that are an object', [{ type: 'payment', datatypes: {} }]],
    ['privileges that are null', [{ type: 'payment', privileges: null }]],
    ['an identifier that is a number', [{ type: 'payment', identifier: 1 }]],
  ])('are malformed if they are %s', (_name, claim) => {
    expect(read(claim)).toEqual({ details: [], problem: malformed })
  })

  it('are missing if the claim is missing, inherited or an empty list', () => {
    expect(read(undefined)).toEqual({ details: [], problem: missing })
    expect(read([])).toEqual({ details: [], problem: missing })
    const inherited = Object.create({ authorization_details: [payment] })
    expect(createDetailsReader([])(inherited)).toEqual({ details: [], problem: missing })
  })

  it('are deeply frozen', () => {
    const { details } = read([{ ...payment, limit: { amount: [1] } }])
    expect(details).toSatisfy(Object.isFrozen)
    expect(details[0]).toSatisfy(Object.isFrozen)
    const limit = details[0]?.limit as { amount: number[] }
    expect(limit).toSatisfy(Object.isFrozen)
    expect(limit.amount).toSatisfy(Object.isFrozen)
    const { details: filtered } = read([payment, { ...payment, locations: ['https://other.test'] }])
    expect(filtered).toEqual([payment])
    expect(filtered).toSatisfy(Object.isFrozen)
  })

  it('are read once per claim', () => {
    const reader = createDetailsReader([api])
    const claims = { authorization_details: [payment] } as never
    expect(reader(claims)).toBe(reader(claims))
  })
})

describe('the locations of a detail', () => {
  const at = (locations: string[], identifiers?: readonly string[]) =>
    read([{ ...payment, locations }], identifiers).problem

  it.each([
    ['the API', [api]],
    ['the API and another', ['https://other.test', api]],
    ['a path below the API', ['https://rs.test/api/accounts']],
    ['the API with a slash', ['https://rs.test/api/']],
    ['the API in another notation of the host', ['https://RS.test:443/api']],
  ])('name this API if they are %s', (_name, locations) => {
    expect(at(locations)).toBeUndefined()
  })

  it.each([
    ['another API', ['https://other.test/api']],
    ['the same host with another path', ['https://rs.test/other']],
    ['the host of the API', ['https://rs.test', 'https://rs.test/']],
    ['a path that only begins like the API', ['https://rs.test/api2']],
    ['another scheme', ['http://rs.test/api']],
    ['another port', ['https://rs.test:8443/api']],
    ['a path that leads out of the API', ['https://rs.test/api/../other']],
    ['no URL', ['rs.test/api']],
    ['none', []],
  ])('do not name this API if they are %s', (_name, locations) => {
    expect(at(locations)).toBe(elsewhere)
  })

  it.each(examples.wellknown.rfc9728bis_path_prefix)(
    'are compared path segment by path segment: API %s, location %s: %s',
    (apiPath, path, expected) => {
      const problem = at([`https://rs.test${path}`], [`https://rs.test${apiPath}`])
      expect(problem === undefined).toBe(expected)
    },
  )

  it('are compared with every URL of this API, a URN included', () => {
    const identifiers = ['my-api', 'urn:my:api', 'https://rs.test/']
    expect(at(['urn:my:api'], identifiers)).toBeUndefined()
    for (const location of ['urn:my:other', 'urn:my:api/x', 'other:my:api']) {
      expect(at([location], identifiers)).toBe(elsewhere)
    }
    expect(at(['https://rs.test/x'], identifiers)).toBeUndefined()
  })

  it('are left to the application if no identifier of this API is a URL', () => {
    expect(at(['https://other.test'], ['my-api'])).toBeUndefined()
  })

  it('are compared exactly with an identifier that has a query', () => {
    expect(at(['https://rs.test/api?a=1'], ['https://rs.test/api?a=1'])).toBeUndefined()
    expect(at(['https://rs.test/api/x'], ['https://rs.test/api?a=1'])).toBe(elsewhere)
  })
})

describe('a requirement of authorization details', () => {
  const evaluate = createRequirementEvaluator({
    now: () => 0,
    clockTolerance: 5,
    identifiers: [api],
  })
  const token = (claim: unknown) =>
    ({
      issuer: 'https://as.test',
      scopes: ['a'],
      claims: { authorization_details: claim },
    }) as never as AccessToken

  function outcome(claim: unknown, accepts: (details: readonly unknown[]) => unknown) {
    const requirement = { scopes: 'a', authorizationDetails: accepts as () => boolean }
    try {
      return evaluate(token(claim), [compileRequirement(requirement, 'route')])
    } catch (error) {
      return error
    }
  }

  it('passes the details to the function, and accepts a token if it returns true', () => {
    const accepts = vi.fn(() => true)
    expect(outcome([payment], accepts)).toBeUndefined()
    expect(accepts.mock.calls).toEqual([[[payment]]])
  })

  it('9396-9-e refuses with 403 without a scope', () => {
    const error = outcome([payment], () => false)
    expect(error).toBeInstanceOf(InsufficientScopeError)
    expect(error).toMatchObject({
      scopes: [],
      detail: { hint: 'authorizationDetails did not return true' },
    })
  })

  it.each([
    ['missing', undefined, missing],
    ['empty', [], missing],
    ['malformed', payment, malformed],
    ['elsewhere', [{ ...payment, locations: ['https://other.test'] }], elsewhere],
  ])('does not call the function if the claim is %s', (_name, claim, hint) => {
    const accepts = vi.fn(() => true)
    expect(outcome(claim, accepts)).toMatchObject({ status: 403, detail: { hint } })
    expect(accepts).not.toHaveBeenCalled()
  })

  it.each([undefined, 1, 'true', {}])('grants nothing where the function returns %j', (result) => {
    expect(outcome([payment], () => result)).toBeInstanceOf(InsufficientScopeError)
  })

  it.each([
    ['resolves to true', async () => true],
    ['rejects', async () => Promise.reject(new Error('not awaited'))],
  ])('refuses a token if the function returns a promise that %s', async (_name, accepts) => {
    expect(outcome([payment], accepts)).toMatchObject({
      status: 403,
      detail: { hint: 'authorizationDetails returned a promise: it must return true or false' },
    })
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('throws an Error whose cause is what the function threw', () => {
    const error = new RangeError('boom')
    const throwing = (thrown: unknown) => () => {
      throw thrown
    }
    expect(outcome([payment], throwing(error))).toMatchObject({
      message: 'The callback authorizationDetails failed',
      cause: error,
    })
    expect(outcome([payment], throwing('text'))).toMatchObject({ cause: 'text' })
  })
})
