// @ts-check
/** The output of the demo, and the comparison of results. */

/** @typedef {{ status: number, statusText: string, headers: Headers, body: string }} Received */

/** @param {(line: string) => void} print */
export function createReport(print) {
  let steps = 0
  let unexpected = 0

  return {
    /** @param {string} title @param {string} explanation */
    step(title, explanation) {
      steps++
      const heading = `-- ${steps}. ${title} `
      print(`\n${heading.padEnd(80, '-')}\n\n${explanation}\n`)
    },

    /** @param {string} text A request or a response. */
    wire(text) {
      print(text.replace(/^(?=.)/gm, '    ').concat('\n'))
    },

    /**
     * Prints the expected and the actual results.
     *
     * @param {string} expected @param {Record<string, string>} results by server
     */
    compare(expected, results) {
      print(`  ${'expected'.padEnd(13)}${expected}`)
      for (const [name, result] of Object.entries(results)) {
        if (result !== expected) unexpected++
        print(`  ${result === expected ? '✓' : '✗'} ${name.padEnd(11)}${result}`)
      }
      print('')
    },

    /** Prints the summary. Returns whether every result was as expected. */
    conclude() {
      const succeeded = unexpected === 0
      print('-'.repeat(80))
      print(
        succeeded ? `\n✓ All ${steps} steps went as expected.` : `\n✗ Unexpected: ${unexpected}.`,
      )
      return succeeded
    },
  }
}

/** Returns the beginning and the end of a token. @param {string} token */
export function shorten(token) {
  return `${token.slice(0, 12)}...${token.slice(-8)} (${token.length} characters)`
}

/** Returns the status, the challenge and the body of a response. @param {Received} response */
export function describeResponse({ status, statusText, headers, body }) {
  const challenge = headers.get('www-authenticate')?.replaceAll('", ', '",\n    ')
  const isJson = headers.get('content-type')?.startsWith('application/json')
  return [
    `HTTP/1.1 ${status} ${statusText}`,
    ...(challenge ? [`WWW-Authenticate: ${challenge}`] : []),
    ...(body ? ['', isJson ? JSON.stringify(JSON.parse(body), null, 2) : body] : []),
  ].join('\n')
}
