/** RFC 9396, authorization details in access tokens. */
import {
  type AccessToken,
  type AuthorizationDetail,
  InsufficientScopeError,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { withApis } from '../support/adapters.ts'
import { parseChallenges } from '../support/challenge-parser.ts'
import { expectEverywhere, OK } from '../support/expectations.ts'
import { AUD, fixtureValidator, t0 } from '../support/fixture.ts'
import {
  active,
  createApi as createIntrospectingApi,
  startAuthorizationServer,
} from '../support/introspection.ts'
import { bearer } from '../support/requests.ts'

const payment = { type: 'payment', actions: ['initiate'], locations: [AUD] }
const mayPay = (details: readonly AuthorizationDetail[]) =>
  details.some(({ type, actions }) => type === 'payment' && actions?.includes('initiate'))

const validate = (authorization_details: unknown, authorizationDetails = mayPay) =>
  fixtureValidator().validate(t0({ authorization_details }), { authorizationDetails })

async function expectRefusal(refused: Promise<AccessToken>): Promise<InsufficientScopeError> {
  const error = await refused.then(
    () => expect.fail('the token was accepted'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(InsufficientScopeError)
  return error as InsufficientScopeError
}

describe('§2 request parameter', () => {
  it('9396-9-a gives the details to the requirement and to the handler, deeply frozen', async () => {
    const seen: (readonly AuthorizationDetail[])[] = []
    const token = await validate([payment, { type: 'other' }], (details) => {
      seen.push(details)
      return mayPay(details)
    })
    expect(seen).toEqual([[payment, { type: 'other' }]])
    expect(seen[0]).toSatisfy(Object.isFrozen)
    expect(seen[0]?.[0]?.actions).toSatisfy(Object.isFrozen)
    expect(token.claims.authorization_details).toEqual([payment, { type: 'other' }])
  })

  it('9396-9-b refuses a malformed claim, without asking the application', async () => {
    const malformed = [
      'payment',
      payment,
      ['payment'],
      [{ actions: ['initiate'] }],
      null,
      [null],
      1,
    ]
    for (const claim of malformed) {
      const asked: unknown[] = []
      await expectRefusal(validate(claim, (details) => asked.push(details) > 0))
      expect(asked).toEqual([])
    }
  })

  it('9396-9-c refuses a token without a detail of the required type', async () => {
    for (const claim of [undefined, [], [{ type: 'account' }], [{ ...payment, type: 'Payment' }]]) {
      await expectRefusal(validate(claim))
    }
    await expectRefusal(validate([], (details) => details.every(({ type }) => type === 'payment')))
  })

  it('9396-9-d does not count a detail that is for another resource server', async () => {
    await expectRefusal(validate([{ ...payment, locations: ['https://other.test'] }]))
    await expectRefusal(
      validate([{ ...payment, locations: ['https://other.test'] }, { type: 'account' }]),
    )
    await expect(validate([{ ...payment, locations: undefined }])).resolves.toBeDefined()
    const both = { ...payment, locations: ['https://other.test', `${AUD}/payments`] }
    await expect(validate([both])).resolves.toBeDefined()
  })

  it('9396-9-d does not count a detail without the required action', async () => {
    await expectRefusal(validate([{ ...payment, actions: ['status'] }]))
  })

  it('9396-9-e refuses with 403 insufficient_scope, without a scope', async () => {
    const error = await expectRefusal(validate([{ type: 'account' }]))
    expect(error.status).toBe(403)
    expect(parseChallenges(error.headers['WWW-Authenticate']?.[0] ?? '')).toEqual([
      {
        scheme: 'Bearer',
        parameters: {
          realm: AUD,
          error: 'insufficient_scope',
          error_description: error.message,
        },
      },
    ])
  })
})

describe('RFC 9396 section 9.2, introspection', () => {
  it('9396-9-f uses the details of an introspection response as those of a JWT', async () => {
    const server = await startAuthorizationServer(({ form }) =>
      active({ authorization_details: form.get('token') === 'paying' ? [payment] : [] }),
    )
    const { validator } = createIntrospectingApi(server)
    const requirement = { authorizationDetails: mayPay }
    await expect(validator.validate('paying', requirement)).resolves.toBeDefined()
    await expect(validator.validate('other', requirement)).rejects.toMatchObject({ status: 403 })
  })
})

describe('in every adapter', () => {
  it('9396-9-c, 9396-9-e gives the same status and challenge', () =>
    withApis(
      { routes: { '/p': { authorize: { scopes: 'read:a', authorizationDetails: mayPay } } } },
      async (apis) => {
        const refused = {
          status: 403,
          error: 'insufficient_scope',
          reason: 'insufficient_scope',
        }
        await expectEverywhere(apis, bearer(t0({ authorization_details: [payment] })), OK)
        for (const claim of [undefined, payment, [{ type: 'account' }]]) {
          await expectEverywhere(apis, bearer(t0({ authorization_details: claim })), refused)
        }
      },
    ))
})
