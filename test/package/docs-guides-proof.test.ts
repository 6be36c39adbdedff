/** The tables of behaviour in the guides about DPoP and mutual TLS: every row is tried. */
import {
  createValidator,
  type HttpRequest,
  type Validator,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { docsFile, sectionOf } from '../support/docs.ts'

const publicUrl = 'https://api.example.com'
const url = `${publicUrl}/reports`

let issuer: TestIssuer
beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterAll(() => issuer.close())

/** The rows of the table in a guide, without its head. */
function behaviourOf(guide: string): string[][] {
  const section = sectionOf(docsFile(`docs/guides/${guide}.md`), 'Behaviour')
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const validatorWith = (options: Partial<ValidatorOptions>): Validator =>
  createValidator({ issuer: issuer.issuer, audience: issuer.audience, publicUrl, ...options })

function outcomeOf(validator: Validator, request: HttpRequest): Promise<string> {
  return validator.authenticate(request).then(
    () => '200',
    ({ status, body }) => [status, ...(body === undefined ? [] : [body.error])].join(' '),
  )
}

const dpopRows = behaviourOf('dpop')

describe('guide: DPoP', () => {
  it.each(dpopRows)('%s, %s, proof %s: %s; required: %s; off: %s', async (...row) => {
    const [token = '', scheme = '', proof = '', ...expected] = row
    const client = issuer.dpopClient()
    const tokens: Record<string, () => Promise<string>> = {
      none: async () => '',
      'not bound': () => issuer.token(),
      bound: () => client.token(),
      expired: () => client.token({ exp: 1_000_000_000 }),
    }
    const text = await (tokens[token] as () => Promise<string>)()
    const proofs: Record<string, () => Promise<string | undefined>> = {
      none: async () => undefined,
      valid: () => client.proof({ url, token: text }),
      'used before': () => client.proof({ url, token: text }),
      'for another request': () => client.proof({ url: `${publicUrl}/other`, token: text }),
      'by another key': () => issuer.dpopClient().proof({ url, token: text }),
    }
    const settings = [{ dpop: true }, { dpop: { required: true } }, {}]
    const outcomes: string[] = []
    for (const setting of settings) {
      const dpop = await (proofs[proof] as () => Promise<string | undefined>)()
      const schemes: Record<string, string[]> = {
        none: [],
        both: [`Bearer ${text}`, `DPoP ${text}`],
      }
      const authorization = schemes[scheme] ?? [`${scheme} ${text}`]
      const request = { method: 'GET', url: '/reports', headers: { authorization, dpop } }
      const validator = validatorWith(setting)
      if (proof === 'used before') await outcomeOf(validator, request)
      outcomes.push(await outcomeOf(validator, request))
    }
    expect(outcomes).toEqual(expected)
  })

  it('has a table', () => {
    expect(dpopRows.length).toBeGreaterThan(12)
  })
})

const mtlsRows = behaviourOf('mtls')

describe('guide: mutual TLS', () => {
  it.each(mtlsRows)('%s, %s, certificate %s: %s; required: %s; off: %s', async (...row) => {
    const [token = '', scheme = '', certificate = '', ...expected] = row
    const client = issuer.clientCertificate()
    const other = issuer.clientCertificate()
    const text = token === 'bound' ? await client.token() : await issuer.token()
    const certificates: Record<string, string | undefined> = {
      'its own': client.cert,
      any: other.cert,
      another: other.cert,
      none: undefined,
    }
    expect(Object.keys(certificates)).toContain(certificate)
    const source = () => certificates[certificate]
    const settings: Partial<ValidatorOptions>[] = [
      { mtls: { certificate: source } },
      { mtls: { certificate: source, required: true } },
      {},
    ]
    const request = { headers: { authorization: `${scheme} ${text}` } }
    const outcomes = await Promise.all(
      settings.map((setting) => outcomeOf(validatorWith(setting), request)),
    )
    expect(outcomes).toEqual(expected)
  })

  it('has a table', () => {
    expect(mtlsRows.length).toBeGreaterThan(5)
  })
})
