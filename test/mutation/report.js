/** @module Which mutants a run evaluates, and what it prints about them. */

/** @typedef {import('./main.js').Line} Line */
/** @typedef {import('./instrument.js').Mutant} Mutant */

/** The verdict of a mutant is the first of these that a pass came to, as the last such pass found it. */
const statuses = /** @type {const} */ (['killed', 'timeout', 'survived', 'static', 'uncovered'])

/**
 * The paths that match one of the patterns, in the order of the patterns.
 *
 * @param {string} patterns separated by commas; `*` is any part of a name, `**` any part of a path
 * @param {string[]} paths
 */
export function matchPaths(patterns, paths) {
  const matching = patterns.split(',').flatMap((pattern) => {
    const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    const text = escaped.replace(/\*\*|\*/g, (star) => (star === '*' ? '[^/]*' : '.*'))
    return paths.filter((path) => new RegExp(`^${text}$`).test(path))
  })
  return [...new Set(matching)]
}

/**
 * The mutants of the files, in the order of the patterns, or a random sample of them.
 *
 * @param {Mutant[]} mutants
 * @param {string} patterns see `matchPaths`
 * @param {number} size
 * @param {number} seed
 */
export function choose(mutants, patterns, size, seed) {
  const files = matchPaths(patterns, [...new Set(mutants.map(({ file }) => file))])
  const chosen = files.flatMap((name) => mutants.filter(({ file }) => file === name))
  let state = seed
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const drawn = chosen
    .map((mutant) => ({ mutant, key: random() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, size)
  const sample = new Set(drawn.map(({ mutant }) => mutant))
  return chosen.filter((mutant) => sample.has(mutant))
}

/**
 * The verdicts of an earlier run for mutants that are the same now.
 *
 * @param {Line[]} lines
 * @param {Mutant[]} mutants
 */
export function keepValid(lines, mutants) {
  const keyOf = (/** @type {Mutant} */ { file, source, range, mutator, replacement }) =>
    JSON.stringify([file, source, range, mutator, replacement])
  const ids = new Map(mutants.map((mutant) => [keyOf(mutant), mutant.id]))
  return lines.flatMap((line) => {
    const id = ids.get(keyOf(line))
    return id === undefined ? [] : [{ ...line, id }]
  })
}

/** @param {Line[]} lines */
export function mergeVerdicts(lines) {
  /** @type {Map<string, Line>} */
  const merged = new Map()
  for (const line of lines) {
    const known = merged.get(line.id)
    if (!known || statuses.indexOf(line.status) <= statuses.indexOf(known.status)) {
      merged.set(line.id, line)
    }
  }
  return merged
}

/**
 * Prints the table and the survivors. Returns the exit code.
 *
 * @param {ReturnType<typeof mergeVerdicts>} verdicts
 * @param {Mutant[]} chosen
 * @param {string[]} leftOut
 * @param {number} threshold
 */
export function printReport(verdicts, chosen, leftOut, threshold) {
  const lines = chosen.flatMap(({ id }) => verdicts.get(id) ?? [])
  const folders = [...new Set(lines.map(folderOf))].sort()
  const rows = folders.map((folder) => [folder, lines.filter((line) => folderOf(line) === folder)])
  const summary = [...rows, ['all', lines]].map(([folder, part]) =>
    summarize(String(folder), /** @type {Line[]} */ (part)),
  )
  console.log(`\n${['mutants', ...statuses, 'score'].reduce(addCell, ''.padEnd(16))}`)
  for (const { folder, cells } of summary) console.log(cells.reduce(addCell, folder.padEnd(16)))

  const missed = lines.filter(({ status }) => status === 'survived' || status === 'uncovered')
  console.log(`\n${missed.length} mutants that no test finds:`)
  for (const { id, file, range, mutator, replacement, status, cap } of missed) {
    const kind = cap ? `survived ${cap / 1_000} s` : status
    const text = replacement.replace(/\s+/g, ' ').slice(0, 100)
    console.log(`${file}:${range} ${mutator} ${text} (${kind}, ${id})`)
  }
  const polluted = lines.filter((line) => line.polluted).length
  console.log(
    `\n${polluted} of the found mutants left a process in which the test failed without them.`,
  )
  console.log(`${leftOut.length} tests were left out:\n${leftOut.join('\n')}`)
  return (summary.at(-1)?.score ?? 0) < threshold ? 1 : 0
}

/** @param {string} text @param {string} cell */
const addCell = (text, cell) => text + cell.padStart(10)

/** @param {Line} line */
function folderOf({ file }) {
  const parts = file.split('/')
  return parts.length > 2 ? `${parts[1]}` : 'src/*.ts'
}

/** @param {string} folder @param {Line[]} lines */
function summarize(folder, lines) {
  const count = (/** @type {string} */ status) =>
    lines.filter((line) => line.status === status).length
  const found = count('killed') + count('timeout')
  const score = (100 * found) / (found + count('survived') + count('uncovered'))
  const cells = [lines.length, ...statuses.map(count), score.toFixed(1)].map(String)
  return { folder, score, cells }
}
