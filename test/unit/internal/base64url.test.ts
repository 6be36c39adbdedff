import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64url } from '../../../src/internal/base64url.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** A text is canonical if decoding and encoding it returns the same text: Buffer itself is lenient. */
const survives = (text: string) => Buffer.from(text, 'base64url').toString('base64url') === text
const isDecoded = (text: string) => decodeBase64url(text) !== undefined

describe('canonical base64url', () => {
  it('is what Buffer encodes, and decodes to the same bytes', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => index * 37 + length))
      expect(decodeBase64url(bytes.toString('base64url'))).toEqual(bytes)
    }
  })

  it('is distinguished from any other text, for all texts of one or two characters up to U+0200', () => {
    const characters = Array.from({ length: 0x200 }, (_, code) => String.fromCharCode(code))
    const texts = characters.flatMap((first) => [first, ...characters.map((next) => first + next)])
    expect(texts.filter((text) => isDecoded(text) !== survives(text))).toEqual([])
    expect(texts.filter(isDecoded)).toHaveLength(256)
  })

  it('contains only the 64 characters, at every position', () => {
    const wrong = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
      .flatMap((other) => [
        `${other}AAA`,
        `AA${other}A`,
        `AAA${other}`,
        `AAAA${other}Q`,
        `AA${other}`,
      ])
      .filter((text) => isDecoded(text) && /[^A-Za-z0-9_-]/.test(text))
    expect(wrong.slice(0, 10)).toEqual([])
  })

  it('is distinguished from any other text, for random texts', () => {
    const near = fc.string({ unit: fc.constantFrom(...'ABQgwxyz019-_+/= \n.ŁŠ'), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary', maxLength: 12 })), (text) => {
        expect(isDecoded(text)).toBe(survives(text))
      }),
      { numRuns: 5_000 },
    )
  })

  it.each(['A', 'AAAAA', 'A'.repeat(4_097)])('does not have the length of %s', (text) => {
    expect(isDecoded(text)).toBe(false)
  })

  it('has unused bits of zero: 256 pairs of last characters, and 65,536 triples', () => {
    const pairs = [...alphabet].flatMap((first) => [...alphabet].map((next) => first + next))
    expect(pairs.filter(isDecoded)).toHaveLength(256)
    expect(pairs.filter((pair) => isDecoded(`AAAA${pair}`))).toHaveLength(256)
    const last = [...alphabet].filter((character) => isDecoded(`AA${character}`))
    expect(last.join('')).toBe('AEIMQUYcgkosw048')
  })
})
