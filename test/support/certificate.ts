/** A self-signed X.509 certificate for an RSA key, in DER: just enough of one to be parsed. */
import { createPublicKey, sign } from 'node:crypto'
import type { TestKey } from './fixture.ts'

/** @param address An IPv4 address that the certificate is for, as a TLS server needs it. */
export function certificateOf({ privateKey }: TestKey, address?: string): Buffer {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const sha256WithRsa = sequence(der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), der(0x05))
  const commonName = sequence(der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('a')))
  const name = sequence(der(0x31, commonName))
  const validity = sequence(time('200101000000Z'), time('491231235959Z'))
  const serial = der(0x02, Buffer.from([1]))
  const members = [serial, sha256WithRsa, name, validity, name, spki]
  const toBeSigned =
    address === undefined
      ? sequence(...members)
      : sequence(version3, ...members, der(0xa3, sequence(subjectAltName(address))))
  const signature = sign('sha256', toBeSigned, privateKey)
  return sequence(toBeSigned, sha256WithRsa, der(0x03, Buffer.from([0]), signature))
}

const version3 = Buffer.from('a003020102', 'hex')

// RFC 5280 §4.2.1.6: iPAddress is [7], in four octets.
function subjectAltName(address: string): Buffer {
  const names = sequence(der(0x87, Buffer.from(address.split('.').map(Number))))
  return sequence(der(0x06, Buffer.from('551d11', 'hex')), der(0x04, names))
}

const sequence = (...members: Buffer[]): Buffer => der(0x30, ...members)
const time = (text: string): Buffer => der(0x17, Buffer.from(text))

function der(tag: number, ...members: Buffer[]): Buffer {
  const content = Buffer.concat(members)
  const { length } = content
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
