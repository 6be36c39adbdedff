/** Self-signed X.509 certificates. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { generate } from 'selfsigned'

/** A certificate with its key. */
export interface Certificate {
  /** PEM */
  readonly cert: string
  /** PEM */
  readonly key: string
  readonly der: Buffer
  /** The value of `x5t#S256` in the claim `cnf`. */
  readonly thumbprint: string
}

interface CertificateOptions {
  readonly commonName?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** Makes a certificate for a new key of P-256. The default name is that of a loopback server. */
export async function makeCertificate(options: CertificateOptions = {}): Promise<Certificate> {
  const { commonName = 'localhost', notBefore, notAfter } = options
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(notBefore !== undefined && { notBeforeDate: notBefore }),
    ...(notAfter !== undefined && { notAfterDate: notAfter }),
  })
  const { fingerprint256, raw } = new X509Certificate(made.cert)
  const hash = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex')
  return { cert: made.cert, key: made.private, der: raw, thumbprint: hash.toString('base64url') }
}

/** Makes a certificate for an RSA key, in DER. */
export async function certificateOf({
  privateKey,
}: {
  readonly privateKey: KeyObject
}): Promise<Buffer> {
  const { cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyPair: {
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string,
    },
  })
  return new X509Certificate(cert).raw
}
