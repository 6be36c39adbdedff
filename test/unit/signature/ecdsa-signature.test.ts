import { describe, expect, it } from 'vitest'
import { encodeEcdsaSignature } from '../../../src/signature/ecdsa-signature.ts'

const encode = (hex: string) => encodeEcdsaSignature(Buffer.from(hex, 'hex')).toString('hex')

describe('an ECDSA signature in DER', () => {
  it.each([
    ['both numbers fit as they are', '0102', '3006020101020102'],
    ['a high bit needs a zero octet before it', '80ff', '300802020080020200ff'],
    ['leading zero octets are removed', '00010002', '3006020101020102'],
    ['a zero octet before a high bit stays', '00800001', '300702020080020101'],
    ['a first octet of 127 has no high bit', '7f7f', '300602017f02017f'],
    ['the number zero keeps one octet', '00000000', '3006020100020100'],
  ])('%s', (_, signature, der) => {
    expect(encode(signature)).toBe(der)
  })

  it('of P-521 has a length of two octets', () => {
    const number = `01${'ff'.repeat(65)}`
    expect(encode(number + number)).toBe(`308188${`0242${number}`.repeat(2)}`)
  })

  it.each([
    { octets: [61, 62], start: '307f' },
    { octets: [62, 62], start: '308180' },
  ])('with numbers of $octets octets begins with $start', ({ octets, start }) => {
    const [r = '', s = ''] = octets.map((length) => '01'.repeat(length))
    const integers = [r, s].map((hex) => `02${(hex.length / 2).toString(16)}${hex}`).join('')
    expect(encode(r.padStart(132, '0') + s.padStart(132, '0'))).toBe(start + integers)
  })

  it('of P-384 has a length of one octet', () => {
    const number = 'ff'.repeat(48)
    expect(encode(number + number)).toBe(`3066${`023100${number}`.repeat(2)}`)
  })
})
