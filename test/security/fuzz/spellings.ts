/**
 * Other encodings of the same or nearly the same content: base64url, JSON, the compact serialization. Each
 * function gets the valid text and a number that selects the position. The result may still be valid.
 */
import { CANARY, NOW } from './material.ts'

export type Spelling = (text: string, n: number) => string

const at = (text: string, n: number): number => n % Math.max(1, text.length)
const insert = (text: string, n: number, what: string): string =>
  text.slice(0, at(text, n)) + what + text.slice(at(text, n))
const replaceLetter = (text: string, n: number, by: (code: number) => number): string => {
  if (text === '') return text
  const index = at(text, n)
  return (
    text.slice(0, index) + String.fromCharCode(by(text.charCodeAt(index))) + text.slice(index + 1)
  )
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export const base64urlSpellings: Readonly<Record<string, Spelling>> = {
  padded: (text) => `${text}${'='.repeat((4 - (text.length % 4)) % 4) || '='}`,
  'one = at the end': (text) => `${text}=`,
  'a blank inside': (text, n) => insert(text, n, ' '),
  'a line end': (text) => `${text}\n`,
  'unused bits': (text) =>
    text.slice(0, -1) + (alphabet[(alphabet.indexOf(text.at(-1) ?? 'A') + 1) % 64] as string),
  'the other alphabet': (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
  'one letter more': (text) => `${text}A`,
  'one letter less': (text) => text.slice(0, -1),
  nothing: () => '',
  'a letter of the same low byte': (text, n) => replaceLetter(text, n, (code) => code + 0x100),
  'another letter': (text, n) =>
    replaceLetter(text, n, (code) => alphabet.charCodeAt((code + n) % 64)),
  'a foreign letter': (text, n) => insert(text, n, '~'),
  'a leading zero': (text) =>
    Buffer.concat([Buffer.alloc(1), Buffer.from(text, 'base64url')]).toString('base64url'),
  'without the leading octet': (text) =>
    Buffer.from(text, 'base64url').subarray(1).toString('base64url'),
}

export const compactSpellings: Readonly<Record<string, Spelling>> = {
  'one dot more': (text) => `${text}.`,
  'a dot in front': (text) => `.${text}`,
  'a dot inside': (text, n) => insert(text, n, '.'),
  'one dot less': (text) => text.replace('.', ''),
  'five parts': (text) => `${text}.${text.split('.').slice(0, 2).join('.')}`,
  twice: (text) => `${text}${text}`,
  'parts reversed': (text) => text.split('.').reverse().join('.'),
  'a blank in front': (text) => ` ${text}`,
  'a blank at the end': (text) => `${text} `,
  'NUL at the end': (text) => `${text}\0`,
  cut: (text, n) => text.slice(0, at(text, n)),
  'another character': (text, n) => replaceLetter(text, n, () => n % 0x180),
  'in capitals': (text) => text.toUpperCase(),
  'with a scheme': (text) => `Bearer ${text}`,
}

const numbers = [
  '1e400',
  '-1e400',
  '-0',
  '01',
  '+1',
  '0x10',
  '1.8e9',
  `${NOW}.5`,
  `${NOW + 300}.0`,
  `${NOW + 300}0e-1`,
  'NaN',
  'Infinity',
  '9'.repeat(400),
  `${NOW}n`,
  'true',
  `"${NOW + 300}"`,
]
const members = [
  '"iss":"https://evil.test"',
  '"aud":[]',
  '"exp":0',
  '"exp":1e999',
  '"sub":1',
  '"cnf":null',
  '"alg":"none"',
  '"alg":"ES256"',
  '"kid":"ed1"',
  '"typ":"JWT"',
  '"crit":["b64"],"b64":true',
  '"b64":false',
  '"kty":"RSA"',
  '"keys":[]',
  `"__proto__":{"iss":"${CANARY}","alg":"none","exp":9e9,"cnf":1}`,
  `"constructor":{"prototype":{"cnf":"${CANARY}"}}`,
  '"":null',
  '"i\\u0073s":"https://evil.test"',
  '"hasOwnProperty":1',
  '"toJSON":1',
]
const bytes = [
  '\xff',
  '\xc0\x80',
  '\xed\xa0\x80',
  '\xef\xbb\xbf',
  '\0',
  '\\ud800',
  '"',
  '\\',
  '}',
  ',',
]
const spaces = [' ', '\n\t\r ', '\f', '\xc2\xa0', '\xef\xbb\xbf', '/**/', '\0']

const pick = (list: readonly string[], n: number): string => list[n % list.length] as string
/** Replaces the nth match. */
const replaceOne = (text: string, n: number, pattern: RegExp, by: (match: string) => string) => {
  const matches = [...text.matchAll(pattern)]
  const match = matches[n % Math.max(1, matches.length)]
  if (match === undefined) return text
  return text.slice(0, match.index) + by(match[0]) + text.slice(match.index + match[0].length)
}

/** JSON as Latin-1, one character per octet. */
export const jsonSpellings: Readonly<Record<string, Spelling>> = {
  'a member in front': (text, n) => text.replace('{', `{${pick(members, n)},`),
  'a member at the end': (text, n) => text.replace(/\}$/, `,${pick(members, n)}}`),
  'another number': (text, n) =>
    replaceOne(text, n % 7, /\d{5,}/g, () => pick(numbers, Math.floor(n / 7))),
  'an escaped letter': (text, n) =>
    replaceOne(text, n, /[a-z/.:-]/gi, (letter) =>
      n % 5 === 0 && letter === '/'
        ? '\\/'
        : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  'white space': (text, n) => replaceOne(text, n, /[{},:]/g, (sign) => `${sign}${pick(spaces, n)}`),
  'odd octets': (text, n) => insert(text, n, pick(bytes, n)),
  'a byte order mark': (text) => `\xef\xbb\xbf${text}`,
  'in a list': (text) => `[${text}]`,
  'in a string': (text) => JSON.stringify(text),
  twice: (text) => `${text}${text}`,
  cut: (text, n) => text.slice(0, at(text, n)),
  'not an object': (_text, n) => pick(['null', '0', '""', '[]', 'true', '', '{}'], n),
  'a comma at the end': (text) => text.replace(/\}$/, ',}'),
  'simple quotes': (text) => text.replaceAll('"', "'"),
  'deeply nested': (text, n) => {
    const depth = 1 + (n % 5_000)
    return text.replace(/\}$/, `,"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`)
  },
  long: (text, n) => text.replace(/\}$/, `,"pad":"${'a'.repeat(n * 2)}"}`),
}
