/** Follows docs/guides/jest.md: every section becomes a project in which the real Jest runs. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { install, manifest, root, run, versions } from '../runtimes/project.js'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
/** Where Jest can `require()` an ES module, as the guide says. */
const loadsModules = major > 24 || (major === 24 && minor >= 9)

/**
 * @param {string} folder
 * @param {string} tarball
 * @returns {Promise<{ title: string, runTests: () => Promise<void> }[]>}
 */
export async function followJestGuide(folder, tarball) {
  await install(folder, {
    [manifest.name]: tarball,
    ...versions('express', 'supertest'),
    jest: '30.5.2',
    '@babel/plugin-transform-modules-commonjs': '7.29.14',
  })
  const guide = await readFile(join(root, 'docs/guides/jest.md'), 'utf8')
  const sections = guide.split(/^## /m).slice(1).map(readSection)
  const [transformed, native] = sections
  if (loadsModules && transformed && native) {
    const files = { 'package.json': '{}', 'api.test.js': transformed.files['api.test.js'] ?? '' }
    sections.push({ ...native, title: 'CommonJS tests without a transform', files })
  }
  return sections.map((section, index) => ({
    title: section.title,
    runTests: () => runSection(join(folder, `section-${index}`), folder, section),
  }))
}

/** @typedef {{ title: string, files: Record<string, string>, command: string }} Section */

/** @param {string} text @returns {Section} */
function readSection(text) {
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
  const codeOf = (/** @type {string} */ language) =>
    blocks.filter(([, name]) => name === language).map(([, , code = '']) => code)
  const files = codeOf('js').map((code) => [code.slice(3, code.indexOf('\n')), code])
  return {
    title: text.split('\n', 1)[0] ?? '',
    files: { 'package.json': codeOf('json')[0] ?? '{}', ...Object.fromEntries(files) },
    // The lines before it install what is installed already.
    command: codeOf('sh')[0]?.trim().split('\n').at(-1) ?? '',
  }
}

/** @param {string} project @param {string} installed @param {Section} section */
async function runSection(project, installed, { files, command }) {
  await mkdir(project)
  await symlink(join(installed, 'node_modules'), join(project, 'node_modules'))
  for (const [name, code] of Object.entries(files)) await writeFile(join(project, name), code)
  const { stderr } = await run('sh', ['-c', command], { cwd: project })
  if (!/^Tests: +3 passed, 3 total$/m.test(stderr)) throw new Error(stderr)
}
