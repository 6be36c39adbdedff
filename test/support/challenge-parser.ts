/**
 * A strict parser of `WWW-Authenticate`, by the grammar of RFC 9110 §11.6.1 and the character sets of
 * RFC 6750 §3. It refuses what lenient clients tolerate.
 */
export interface Challenge {
  readonly scheme: string
  /** Values are without quotes and escapes; names are in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const token68 = /[0-9A-Za-z\-._~+/]+=*(?=,|$)/y
const parameter =
  /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))/y

// RFC 6750 §3: no quote and no backslash, not even escaped ones.
const characters: Readonly<Record<string, RegExp>> = {
  error: /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/,
  error_description: /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/,
  error_uri: /^[\x21\x23-\x5b\x5d-\x7e]+$/,
  scope: /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
}
const alwaysQuoted = ['realm', ...Object.keys(characters)]

/**
 * Parses one field line.
 *
 * @throws SyntaxError for everything that a sender must not generate.
 */
export function parseChallenges(line: string): Challenge[] {
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(line)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const fail = (problem: string): never => {
    throw new SyntaxError(`${problem} at ${at} in ${line}`)
  }

  const challenges: Challenge[] = []
  do {
    const scheme = take(token)?.[0] ?? fail('no scheme')
    const parameters: Record<string, string> = {}
    if (take(/ +/y)) {
      let match = take(parameter)
      if (match === null && take(token68) === null) fail('neither parameters nor a token68')
      while (match !== null) {
        const [, name = '', quoted, bare] = match
        addParameter(parameters, name.toLowerCase(), quoted, bare, fail)
        const comma = at
        match = take(/, /y) && take(parameter)
        if (match === null) at = comma
      }
    }
    if (scheme.toLowerCase() === 'bearer' && Object.keys(parameters).length === 0) {
      fail('Bearer without a parameter')
    }
    challenges.push({ scheme, parameters })
  } while (take(/, /y))
  if (at !== line.length) fail('text after the challenges')
  return challenges
}

function addParameter(
  parameters: Record<string, string>,
  name: string,
  quoted: string | undefined,
  bare: string | undefined,
  fail: (problem: string) => never,
): void {
  if (Object.hasOwn(parameters, name)) fail(`${name} twice`)
  if (quoted === undefined && alwaysQuoted.includes(name)) fail(`${name} unquoted`)
  const raw = quoted ?? bare ?? ''
  const allowed = characters[name]
  if (allowed !== undefined && !allowed.test(raw)) fail(`a bad character in ${name}`)
  parameters[name] = raw.replace(/\\(.)/g, '$1')
}
