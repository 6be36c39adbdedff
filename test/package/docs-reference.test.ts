/** The reference has one entry for every export, option, error, reason and event, and no other. */
import { readdirSync, readFileSync } from 'node:fs'
import { invalidDpopProofReasons, invalidTokenReasons } from 'oauth-resource-server'
import { badTokenNames } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { optionNames } from '../../src/options/resolve.ts'
import { columnOf, docsFile, docsFiles, root, rowsOf, sectionOf } from '../support/docs.ts'

const source = (path: string) => readFileSync(`${root}/src/${path}`, 'utf8')
const sources = (paths: readonly string[]) => paths.map(source).join('\n')

/** The names that a module exports, types included, by its declarations and export lists. */
function exportsOf(path: string): string[] {
  const text = source(path)
  const declared = [
    ...text.matchAll(
      /^export (?:abstract )?(?:async )?(?:function|interface|type|const|class) (\w+)/gm,
    ),
  ]
  const listed = [...text.matchAll(/^export (?:type )?\{(.*?)\}/gms)].flatMap(([, list = '']) =>
    list.split(',').map((item) =>
      item
        .trim()
        .replace(/^type /, '')
        .replace(/^\w+ as /, ''),
    ),
  )
  return [...declared.map(([, name = '']) => name), ...listed].filter((name) => name !== '')
}

/** The string members of a union type. */
function unionOf(text: string, name: string): string[] {
  const [, members = ''] = new RegExp(`type ${name} =((?:\\s*\\|?\\s*'[\\w.]+')+)`).exec(text) ?? []
  return [...members.matchAll(/'([\w.]+)'/g)].map(([, member = '']) => member)
}

/** The members of an interface. */
function membersOf(text: string, name: string): string[] {
  const [, body = ''] = new RegExp(`interface ${name}\\b.*?\\{\\n(.*?)^\\}`, 'ms').exec(text) ?? []
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member = '']) => member)
}

const sorted = (names: Iterable<string>) => [...names].sort()
const rowsIn = (page: string, heading: string) =>
  sorted(rowsOf(sectionOf(docsFile(`docs/reference/${page}.md`), heading)))

const adapters = ['express', 'koa', 'http', 'fetch', 'mcp'].map((name) => `adapters/${name}.ts`)
const optionTypes = source('options/types.ts')
const events = sources(['events.ts', 'events/introspection.ts'])
const fetchFailures = source('internal/fetch-error.ts')
const eventTypes = [...events.matchAll(/readonly type: '([\w.]+)'/g)].map(([, type = '']) => type)

describe('the reference', () => {
  it('has exactly one entry for every export', () => {
    const exported = new Set(
      ['index.ts', 'testing/index.ts', 'redis/replay-store.ts', ...adapters].flatMap((path) =>
        exportsOf(path),
      ),
    )
    expect(exported.size).toBeGreaterThan(50)
    const entries = docsFiles
      .filter(({ path }) => path.startsWith('docs/reference/'))
      .flatMap(({ text }) => columnOf(text, 'export'))
    expect(sorted(entries)).toEqual(sorted(exported))
  })

  it('has a page for every entry of the package', () => {
    const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
    const named = Object.keys(exports)
      .filter((entry) => entry !== './package.json')
      .map((entry) => entry.replace(/^\./, 'oauth-resource-server'))
    const text = docsFiles
      .filter(({ path }) => path.startsWith('docs/reference/'))
      .map((file) => file.text)
      .join('\n')
    expect(named.filter((name) => !new RegExp(`[\`']${name}[\`']`).test(text))).toEqual([])
  })

  it('has exactly one entry for every option', () => {
    expect(rowsIn('options', 'Validator options')).toEqual(sorted(optionNames))
    expect(rowsIn('options', 'Validator options')).toEqual(
      sorted(membersOf(optionTypes, 'ValidatorOptions')),
    )
    expect(rowsIn('options', 'Issuer options')).toEqual(
      sorted(membersOf(optionTypes, 'IssuerOptions')),
    )
    expect(rowsIn('options', 'Resource options')).toEqual(
      sorted(membersOf(source('options/resource.ts'), 'ResourceOptions')),
    )
    const dpop = sorted(membersOf(source('options/dpop.ts'), 'DpopOptions'))
    expect(rowsIn('options', 'DPoP')).toEqual(dpop)
    const mtls = sorted(membersOf(source('options/mtls.ts'), 'MtlsOptions'))
    expect(rowsIn('options', 'Mutual TLS')).toEqual(mtls)
    expect(rowsIn('options', 'Keys')).toEqual(sorted(membersOf(optionTypes, 'KeyPolicy')))
    expect(rowsIn('options', 'Requirement')).toEqual(
      sorted(membersOf(source('access-token.ts'), 'Requirement')),
    )
    expect(rowsIn('options', 'Authenticate options')).toEqual(
      sorted(membersOf(source('adapters/middleware.ts'), 'AuthenticateOptions')),
    )
  })

  it('has exactly one entry for every member of a token, of a validator and of the test kit', () => {
    const token = rowsOf(docsFile('docs/reference/access-token.md').text)
    expect(sorted(token.filter((name) => /^[a-z]/.test(name)))).toEqual(
      sorted(membersOf(source('access-token.ts'), 'AccessToken')),
    )
    const methods = rowsIn('validator', 'Members').map((name) => name.replace(/\(.*/, ''))
    expect(methods).toEqual(sorted(membersOf(source('validator.ts'), 'Validator')))
    expect(rowsIn('testing', 'Test issuer options')).toEqual(
      sorted(membersOf(source('testing/options.ts'), 'TestIssuerOptions')),
    )
    expect(rowsIn('testing', 'Test issuer members')).toEqual(
      sorted(membersOf(source('testing/test-issuer.ts'), 'TestIssuer')),
    )
    expect(rowsIn('testing', 'Bad tokens')).toEqual(sorted(badTokenNames))
  })

  it('has exactly one entry for every reason', () => {
    expect(rowsIn('errors', 'Reasons')).toEqual(sorted(invalidTokenReasons))
    expect(rowsIn('errors', 'DPoP proofs')).toEqual(sorted(invalidDpopProofReasons))
    expect(rowsIn('events', 'Fetch failures')).toEqual(
      sorted(unionOf(fetchFailures, 'FetchFailureReason')),
    )
    expect(rowsIn('events', 'Skipped keys')).toEqual(sorted(unionOf(events, 'KeySkipReason')))
    const services = unionOf(source('errors/service-unavailable-error.ts'), 'UnavailableService')
    expect(services.length).toBeGreaterThan(1)
    expect(services).toEqual(expect.arrayContaining(rowsIn('errors', 'Services')))
  })

  it('has exactly one entry for every event', () => {
    expect(eventTypes.length).toBeGreaterThan(9)
    expect(rowsIn('events', 'Types')).toEqual(sorted(eventTypes))
  })

  it('names every reason of a refusal', () => {
    const [, union = ''] =
      /interface TokenRefusedEvent .*?reason:\n(.*?)\n {2}\//s.exec(events) ?? []
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(4)
    const paragraph = /^The `reason` of `token\.refused` is .*$/m.exec(
      docsFile('docs/reference/events.md').text,
    )?.[0]
    for (const code of codes) expect(paragraph).toContain(`\`${code}\``)
  })

  it('states the codes, status codes and names of the error classes', () => {
    const text = sources([
      'errors.ts',
      ...readdirSync(`${root}/src/errors`).map((name) => `errors/${name}`),
    ])
    const page = docsFile('docs/reference/errors.md').text
    const rows = [...page.matchAll(/^\| `(\w+Error)` \| (\d+) \| `(\w+)` \|/gm)]
    expect(rows.length).toBeGreaterThan(4)
    for (const [, name, status, code] of rows) {
      const [, body] = new RegExp(`class ${name} .*?\\{\\n(.*?)^\\}`, 'ms').exec(text) ?? []
      expect(body).toContain(`readonly code: '${code}'`)
      expect(body).toContain(`readonly status: ${status}`)
    }
    const events = docsFile('docs/reference/events.md').text
    const [reasons = ''] = /^The `reason` of `token\.refused`.*$/m.exec(events) ?? []
    for (const [, , , code] of rows) {
      // A missing token is an event of its own, and an invalid token has reasons of its own.
      const isListed = code !== 'missing_token' && code !== 'invalid_token'
      expect([code, reasons.includes(`\`${code}\``)]).toEqual([code, isListed])
    }
  })
})

describe('README and docs', () => {
  it('name only events that exist', () => {
    const current = docsFiles.filter(({ path }) => path !== 'CHANGELOG.md')
    const named = current.flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:token|keys|metadata|callback|issuers)\.[a-z]+(?:_[a-z]+)*)[`: ]/g)]
        .map(([, name = '']) => name)
        // Members of options and values of the same first name.
        .filter((name) => !/^(token|keys)\.(claims|issuer|subject|scopes|timeout)$/.test(name))
        .map((name) => `${path}: ${name}`),
    )
    expect(named.filter((name) => !eventTypes.includes(name.split(': ')[1] as string))).toEqual([])
  })

  it('name in the runbook only log lines that can occur', () => {
    const { text } = docsFile('docs/runbook.md')
    const codes = {
      insufficient_scope: '403',
      invalid_request: '400',
      service_unavailable: '503',
      invalid_dpop_proof: '401',
      use_dpop_nonce: '401',
      insufficient_user_authentication: '401',
    }
    const statusOf = (reason: string) =>
      reason in codes ? codes[reason as keyof typeof codes] : '401'
    const refused = [...text.matchAll(/`token\.refused (\d+) (\w+)`/g)]
    expect(refused.length).toBeGreaterThan(6)
    for (const [line, status, reason = ''] of refused) {
      expect([line, statusOf(reason)]).toEqual([line, status])
      expect([...invalidTokenReasons, ...Object.keys(codes)]).toContain(reason)
    }
    const failed = [...text.matchAll(/`keys\.failed … (\w+)/g)]
    expect(failed.length).toBeGreaterThan(3)
    const values = [...unionOf(fetchFailures, 'FetchFailureReason'), 'fresh', 'stale', 'nothing']
    for (const [, value] of failed) expect(values).toContain(value)
  })

  it('name in the options of README only options that exist', () => {
    const rows = rowsOf(sectionOf(docsFile('README.md'), 'Options'))
    const names: readonly string[] = optionNames
    expect(rows).toHaveLength(10)
    expect(rows.filter((option) => !names.includes(option))).toEqual([])
  })
})
