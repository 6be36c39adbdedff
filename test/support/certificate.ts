/** A self-signed X.509 certificate for an RSA key, in DER: just enough of one to be parsed. */
import { createPublicKey, sign } from 'node:crypto'
import type { TestKey } from './fixture.ts'

export function certificateOf({ privateKey }: TestKey): Buffer {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const sha256WithRsa = sequence(der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), der(0x05))
  const commonName = sequence(der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('a')))
  const name = sequence(der(0x31, commonName))
  const validity = sequence(time('200101000000Z'), time('491231235959Z'))
  const serial = der(0x02, Buffer.from([1]))
  const toBeSigned = sequence(serial, sha256WithRsa, name, validity, name, spki)
  const signature = sign('sha256', toBeSigned, privateKey)
  return sequence(toBeSigned, sha256WithRsa, der(0x03, Buffer.from([0]), signature))
}

const sequence = (...members: Buffer[]): Buffer => der(0x30, ...members)
const time = (text: string): Buffer => der(0x17, Buffer.from(text))

function der(tag: number, ...members: Buffer[]): Buffer {
  const content = Buffer.concat(members)
  const { length } = content
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
