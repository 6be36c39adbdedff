/** Reads the documentation: files, blocks of code, headings and links. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

export interface DocsFile {
  /** Relative to the root of the repository. */
  readonly path: string
  readonly text: string
}

export interface CodeBlock {
  readonly path: string
  /** The language of the block: `ts`, `sh`, `http`, ... */
  readonly language: string
  readonly code: string
  /** The file and the line of the fence, for titles of tests. */
  readonly place: string
}

const readDocs = (path: string): DocsFile => ({
  path,
  text: readFileSync(`${root}/${path}`, 'utf8'),
})

/** README, all files in docs, and the documents next to what they describe. */
export const docsFiles: readonly DocsFile[] = [
  'README.md',
  'CHANGELOG.md',
  'src/README.md',
  '.github/CONTRIBUTING.md',
  '.github/SECURITY.md',
  ...readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`)
    .sort(),
].map(readDocs)

export function docsFile(path: string): DocsFile {
  const file = docsFiles.find((candidate) => candidate.path === path)
  if (file === undefined) throw new Error(`Document ${path} is missing`)
  return file
}

/** Every block of code, in the order of the files. */
export const codeBlocks: readonly CodeBlock[] = docsFiles.flatMap(({ path, text }) =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
    ({ index, 1: language = '', 2: code = '' }) => ({
      path,
      language,
      code,
      place: `${path}:${text.slice(0, index).split('\n').length}`,
    }),
  ),
)

/** Returns the only TypeScript block of a document that contains this text. */
export function codeBlock(path: string, text: string): string {
  const found = codeBlocks.filter(
    (block) => block.path === path && block.language === 'ts' && block.code.includes(text),
  )
  if (found.length === 1) return (found[0] as CodeBlock).code
  throw new Error(`${path} has ${found.length} blocks that contain ${text}`)
}

const withoutCode = (text: string): string =>
  text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''))

/** The anchors that GitHub gives to the headings of a document. */
export function anchorsOf({ text }: DocsFile): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.replace(/^```.*?^```$/gms, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}

/** The targets of all links of a document. */
export function linksOf({ text }: DocsFile): readonly string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** The text below a heading, up to the next heading of the same or a higher level. */
export function sectionOf({ path, text }: DocsFile, heading: string): string {
  const start = new RegExp(
    `^(#{1,6}) ${heading.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`,
    'm',
  ).exec(text)
  if (start === null) throw new Error(`${path} has no heading ${heading}`)
  const level = (start[1] as string).length
  const rest = text.slice(start.index + start[0].length)
  const end = new RegExp(`^#{1,${level}} `, 'm').exec(
    rest.replace(/^```.*?^```$/gms, (code) => code.replace(/#/g, ' ')),
  )
  return rest.slice(0, end?.index)
}

/** The names in the first column of the tables of a text, without backquotes. */
export function rowsOf(text: string): readonly string[] {
  return [...text.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  )
}

/** The names in the column with this title, in all tables of a text. */
export function columnOf(text: string, title: string): readonly string[] {
  return [...text.matchAll(/^(\|.*\|)\n\|[-:| ]+\|\n((?:\|.*\|(?:\n|$))*)/gm)].flatMap(
    ([, header = '', rows = '']) => {
      const column = cellsOf(header).indexOf(title)
      const cells = rows.split('\n').map((row) => cellsOf(row)[column] ?? '')
      return cells.map((cell) => /^`(.+)`$/.exec(cell)?.[1] ?? '').filter((name) => name !== '')
    },
  )
}

const cellsOf = (row: string): string[] =>
  row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim())

/** A folder for the code blocks that a test file runs. */
export function createWorkFolder(name: string): {
  readonly path: string
  readonly write: (file: string, content: string) => string
  readonly remove: () => void
} {
  const path = `${root}/.cache/docs/${name}`
  const remove = () => rmSync(path, { recursive: true, force: true })
  remove()
  mkdirSync(path, { recursive: true })
  return {
    path,
    write(file, content) {
      writeFileSync(`${path}/${file}`, content)
      return `${path}/${file}`
    },
    remove,
  }
}

/** Replaces strings in a code block, for example by the URL of a test issuer or a free port. */
export function replaceStrings(
  code: string,
  replacements: Readonly<Record<string, string>>,
): string {
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The block does not contain ${from}`)
    return text.replaceAll(from, to)
  }, code)
}
