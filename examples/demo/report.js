// @ts-check
/** What the demo prints, and whether everything came as expected. */

/** @typedef {{ status: number, statusText: string, headers: Headers, body: string }} Answer */

/** @param {(line: string) => void} print */
export function createReport(print) {
  let steps = 0
  let disagreements = 0

  return {
    /** @param {string} title @param {string} explanation */
    step(title, explanation) {
      steps++
      const heading = `-- ${steps}. ${title} `
      print(`\n${heading.padEnd(80, '-')}\n\n${explanation}\n`)
    },

    /** @param {string} text Something that went over the wire. */
    wire(text) {
      print(text.replace(/^(?=.)/gm, '    ').concat('\n'))
    },

    /**
     * Prints what was expected and what came.
     *
     * @param {string} expected @param {Record<string, string>} results by who gave them
     */
    compare(expected, results) {
      print(`  ${'expected'.padEnd(13)}${expected}`)
      for (const [name, result] of Object.entries(results)) {
        if (result !== expected) disagreements++
        print(`  ${result === expected ? '✓' : '✗'} ${name.padEnd(11)}${result}`)
      }
      print('')
    },

    /** Prints the summary, and tells whether everything came as expected. */
    conclude() {
      const agreed = disagreements === 0
      print('-'.repeat(80))
      print(
        agreed ? `\n✓ All ${steps} steps went as expected.` : `\n✗ Unexpected: ${disagreements}.`,
      )
      return agreed
    },
  }
}

/** Long enough to tell two tokens apart. @param {string} token */
export function shorten(token) {
  return `${token.slice(0, 12)}...${token.slice(-8)} (${token.length} characters)`
}

/** What matters of an answer. @param {Answer} answer */
export function describeAnswer({ status, statusText, headers, body }) {
  const challenge = headers.get('www-authenticate')?.replaceAll('", ', '",\n    ')
  const isJson = headers.get('content-type')?.startsWith('application/json')
  return [
    `HTTP/1.1 ${status} ${statusText}`,
    ...(challenge ? [`WWW-Authenticate: ${challenge}`] : []),
    ...(body ? ['', isJson ? JSON.stringify(JSON.parse(body), null, 2) : body] : []),
  ].join('\n')
}
