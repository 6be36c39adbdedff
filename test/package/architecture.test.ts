/** The documents about the structure of the source agree with the source. */
import { existsSync, readFileSync } from 'node:fs'
import { authenticate } from 'oauth-resource-server/express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { docsFile, root, sectionOf } from '../support/docs.ts'
import { fixtureOptions, t0 } from '../support/fixture.ts'

const architecture = docsFile('docs/explanation/architecture.md')
const diagram = /^```text\n(.*?)^```$/ms.exec(architecture.text)?.[1] ?? ''
const order = sectionOf(docsFile('src/README.md'), 'The files of one request, in order')

/** The paths of source files in a text, and the names of functions on the same line. */
function namedFiles(text: string): { path: string; functions: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const paths = [...line.matchAll(/[\w-]+(?:\/[\w-]+)*\.ts\b/g)].map(([path]) => path)
    const names = [...line.matchAll(/\b(\w+)\(\)|: `(\w+)`/g)].map(([, a, b]) => a ?? b ?? '')
    const [only] = paths
    if (paths.length === 1 && only !== undefined) return [{ path: only, functions: names }]
    return paths.map((path) => ({ path, functions: [] }))
  })
}

const source = (path: string) => readFileSync(`${root}/src/${path}`, 'utf8')

describe('the architecture', () => {
  it.each([
    ['the diagram', diagram, 13],
    ['the table of changes', sectionOf(architecture, 'Where a change belongs'), 9],
    ['the files of one request', order, 9],
  ])('names only files and functions that exist, in %s', (_place, text, count) => {
    const files = namedFiles(text)
    expect(files.length).toBeGreaterThanOrEqual(count)
    for (const { path, functions } of files) {
      expect(existsSync(`${root}/src/${path}`), path).toBe(true)
      for (const name of functions) {
        expect(source(path), `${name} in ${path}`).toMatch(new RegExp(`\\bfunction ${name}\\b`))
      }
    }
  })

  it('has the steps of decide, with the same numbers and names', () => {
    const stepsOf = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, number, name]) => `${number} ${name}`).sort()
    const steps = stepsOf(source('pipeline/authenticate.ts'), /\/\/ Step (\d), (\w+):/g)
    expect(steps).toHaveLength(5)
    expect(stepsOf(diagram, /─ (\d) (\w+)/g)).toEqual(steps)
    const paragraphs = stepsOf(architecture.text, /^(\d)\. \*\*(\w+)\.\*\*/gm)
    expect(paragraphs.map((step) => step.toLowerCase())).toEqual(steps)
  })

  it('lists the files that a request passes from Express to req.auth, in that order', async () => {
    const listed = [...order.matchAll(/^\d\. `([^`]+)`/gm)].map(([, path]) => path)
    expect(listed).toHaveLength(8)
    const { cert, thumbprint } = await makeCertificate()
    const passed = new Set<string>()
    /** Records the source files on the stack, the caller first. */
    const trace = () => {
      const { stack = '' } = new Error('trace')
      for (const line of stack.split('\n').reverse()) {
        const [, path] = /\/src\/([\w/-]+\.ts):/.exec(line) ?? []
        if (path !== undefined) passed.add(path)
      }
    }
    const middleware = authenticate(
      fixtureOptions({
        now() {
          trace()
          return Date.now()
        },
        mtls: {
          certificate() {
            trace()
            return cert
          },
        },
      }),
    )
    const authorization = `Bearer ${t0({ cnf: { 'x5t#S256': thumbprint } })}`
    const send = () =>
      new Promise<unknown>((resolve) => {
        let auth: unknown
        const request = {
          get headers() {
            trace()
            return { authorization }
          },
          get auth() {
            return auth
          },
          set auth(token: unknown) {
            trace()
            auth = token
          },
        }
        middleware(request, {}, (error) => resolve(error ?? auth))
      })
    const { stackTraceLimit } = Error
    onTestFinished(() => {
      Error.stackTraceLimit = stackTraceLimit
    })
    Error.stackTraceLimit = 50
    expect(await send()).toHaveProperty('issuer')
    passed.clear()
    expect(await send()).toHaveProperty('issuer')
    expect([...passed].filter((path) => listed.includes(path))).toEqual(listed)
  })
})
