/** The claims of README and docs match the code, the tests and the committed measurements. */
import { readdirSync, readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import {
  codeBlock,
  codeBlocks,
  createWorkFolder,
  docsFile,
  replaceStrings,
  root,
} from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'

const readme = docsFile('README.md').text
const performanceText = docsFile('docs/explanation/performance.md').text

describe('README', () => {
  it('has at most 250 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(251)
  })

  it('shows the 401 and the 403 that its server sends', async () => {
    await using issuer = await createTestIssuer()
    const folder = createWorkFolder('wire')
    const port = await freePort()
    const code = replaceStrings(
      codeBlock('README.md', "from 'express'\nimport { authenticate, authorize }"),
      {
        'https://auth.example.com/': issuer.issuer,
        'listen(3000)': `listen(${port}, '127.0.0.1')`,
      },
    )
    await import(folder.write('server.ts', code))
    folder.remove()
    const token = await issuer.token()
    const wire = [
      await responseTo(`http://127.0.0.1:${port}/me`),
      await responseTo(`http://127.0.0.1:${port}/reports`, { authorization: `Bearer ${token}` }),
    ]
    const shown = codeBlocks.filter(
      ({ path, language }) => path === 'README.md' && language === 'http',
    )
    expect(shown.map((block) => block.code)).toEqual(wire)
  })
})

/** A response as it is sent, without what Express and Node add to every response. */
async function responseTo(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve) => get(url, { headers }, resolve))
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`]
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = response.rawHeaders.slice(index, index + 2)
    if (/^(x-powered-by|date|connection|keep-alive)$/i.test(name)) continue
    lines.push(`${name}: ${value}`)
  }
  const body = (await response.toArray()).join('')
  return `${lines.join('\n')}\n${body === '' ? '' : `\n${body}\n`}`
}

describe('README and docs', () => {
  it('name only outage tests that exist', () => {
    const folder = `${root}/test/integration/outages`
    const tests = readdirSync(folder)
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
      .join('\n')
    const { text } = docsFile('docs/explanation/key-life-cycle.md')
    const named = [...text.matchAll(/\*([^*|]+)\* \|$/gm)].map(([, title = '']) => title)
    expect(named.length).toBeGreaterThan(12)
    expect(named.filter((title) => !tests.includes(`'${title}'`))).toEqual([])
  })

  it('state the figures of the committed runs that they name', async () => {
    const { writeFigures, writeSpeed } = await import(`${root}/test/bench/report.js`)
    const files = [...performanceText.matchAll(/\(\.\.\/\.\.\/(test\/bench\/results\/.+?)\)/g)].map(
      ([, path = '']) => `${root}/${path}`,
    )
    expect(files.length).toBeGreaterThan(0)
    expect(performanceText).toBe(writeFigures(performanceText, files))
    expect(readme).toBe(writeSpeed(readme, files[0]))
    expect(readme).toContain(JSON.parse(readFileSync(`${files[0]}`, 'utf8')).node)
  })
})
