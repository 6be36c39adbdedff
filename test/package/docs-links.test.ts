/** Every link in README and docs exists. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchorsOf, codeBlocks, docsFile, docsFiles, linksOf, root } from '../support/docs.ts'

describe('README and docs', () => {
  it.each(docsFiles.map((file) => [file.path, file] as const))(
    'every relative link and anchor of %s exists',
    (path, file) => {
      const broken = linksOf(file).filter((link) => {
        if (/^https?:/.test(link)) return false
        const [target = '', anchor] = link.split('#')
        const found = target === '' ? path : normalize(join(dirname(path), target))
        if (!existsSync(join(root, found))) return true
        return anchor !== undefined && !anchorsOf(docsFile(found)).has(anchor)
      })
      expect(broken).toEqual([])
    },
  )

  it('every path of the repository in a document exists', () => {
    const named = docsFiles.flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:src|test|examples|docs)\/[\w./-]+)`/g)].map(([, name = '']) => ({
        path,
        name,
      })),
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter(({ name }) => !existsSync(join(root, name)))).toEqual([])
  })

  it('every document can be reached from README by links', () => {
    const reached = new Set(['README.md'])
    for (const path of reached) {
      for (const link of linksOf(docsFile(path))) {
        const target = normalize(join(dirname(path), link.split('#')[0] ?? ''))
        if (docsFiles.some((file) => file.path === target)) reached.add(target)
      }
    }
    expect(docsFiles.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([])
  })

  it('every npm command names a script that exists', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const named = docsFiles.flatMap(({ text }) =>
      [...text.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name),
    )
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  it('every block of code names its language', () => {
    expect(codeBlocks.filter(({ language }) => language === '').map(({ place }) => place)).toEqual(
      [],
    )
  })
})
