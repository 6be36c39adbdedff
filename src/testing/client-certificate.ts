/**
 * @module Clients with a certificate, whose tokens are bound to the certificate. node:crypto cannot create
 * certificates, so this file contains four of them (self-signed, P-256, valid from 2020 to 2120) with their
 * private keys: use them only in tests.
 */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'

/** A client that authenticates with a certificate in TLS. Its functions need no `this`. */
export interface ClientCertificate {
  /** The private key in PEM, for the options of `https.request`, `tls.connect` and `new Agent`. */
  readonly key: string
  /**
   * The certificate in PEM. It is self-signed: the server of the API needs `requestCert: true` and
   * `rejectUnauthorized: false`.
   */
  readonly cert: string
  /**
   * Creates a token as the issuer's `token` does, bound to the certificate by `cnf`.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3.1 | RFC 8705, section 3.1}
   */
  token(claims?: object): Promise<string>
}

/**
 * Returns the function `clientCertificate` of a test issuer. Four calls in a row return different
 * certificates; the fifth returns the first again.
 *
 * @param createToken Creates a token with these claims.
 */
export function createClientCertificates(
  createToken: (claims: object) => Promise<string>,
): () => ClientCertificate {
  let count = 0
  return () => {
    const { key, cert } = certificates[count++ % certificates.length] as StoredCertificate
    const der = Buffer.from(cert.join(''), 'base64')
    const thumbprint = createHash('sha256').update(der).digest('base64url')
    const pkcs8 = Buffer.from(key.join(''), 'base64')
    const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      cert: new X509Certificate(der).toString(),
      token: (claims = {}) => createToken({ cnf: { 'x5t#S256': thumbprint }, ...claims }),
    }
  }
}

/** Base64 of DER. */
interface StoredCertificate {
  readonly cert: readonly string[]
  readonly key: readonly string[]
}

const certificates: readonly StoredCertificate[] = [
  {
    cert: [
      'MIIBXjCCAQSgAwIBAgIJawtkd+6j8k1uMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTEwIBcNMj',
      'AwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTEwWTATBgcqhkjOPQIB',
      'BggqhkjOPQMBBwNCAATM+QERAMOtKKwrIqyEqcVLJr+G3rl+yeqgKvtojqESaVffy2RhnoofAW8VaAFzIJhbVDtJ7q',
      'LYqAWbZCP3JbC1ozUwMzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAK',
      'BggqhkjOPQQDAgNIADBFAiBa9LtjTpv5zEImixhkTWFZET2ImrQA4UXVB4QzjeXI3wIhAMqt2LD3IWeqsRRRUGuIwz',
      'xO+XbtS36zQeC5u9XcFV1C',
    ],
    key: [
      'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi56Ndg4EqQYYzl4F91rfDZ0Qu7y+dP+gqssrAPc+8q',
      '+hRANCAATM+QERAMOtKKwrIqyEqcVLJr+G3rl+yeqgKvtojqESaVffy2RhnoofAW8VaAFzIJhbVDtJ7qLYqAWbZCP3',
      'JbC1',
    ],
  },
  {
    cert: [
      'MIIBXjCCAQSgAwIBAgIJMs7VEQFt+MaLMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTIwIBcNMj',
      'AwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTIwWTATBgcqhkjOPQIB',
      'BggqhkjOPQMBBwNCAAQWC8bFqZQBkVlmLceyAiubHiM42J1L/91jQDP5UFIPoxD7k/yh9ensSRwhs23L755uTDOUgz',
      'Mg6LaSvDNUd90NozUwMzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAK',
      'BggqhkjOPQQDAgNIADBFAiBgK9EgsW2Tnt0rmpz7t4TCpMAKeQ4P2KM8/TC+3VppmQIhAKQmJwV/64TghIs/LwRnXt',
      'ZIzfgSJoRIv3MJ0lJzDqr1',
    ],
    key: [
      'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkfb6NBLsGhYLe5cMU2TmW6kWsZZzML9w3G6HcoRJeC',
      'mhRANCAAQWC8bFqZQBkVlmLceyAiubHiM42J1L/91jQDP5UFIPoxD7k/yh9ensSRwhs23L755uTDOUgzMg6LaSvDNU',
      'd90N',
    ],
  },
  {
    cert: [
      'MIIBXzCCAQSgAwIBAgIJbWhpCZ2pVRHxMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTMwIBcNMj',
      'AwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTMwWTATBgcqhkjOPQIB',
      'BggqhkjOPQMBBwNCAASvM9LbJ3RVNV5UJ5GkZBeKm/azrLHMEvz8lsd4NuIrIOtKq8ovJ0vSp3TLgTmqQ6CdcoPIdj',
      '2imiHrm22qLD+7ozUwMzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAK',
      'BggqhkjOPQQDAgNJADBGAiEA5Lnz8gK99cdZ5547IW0+gvDOiLyvC8YorwWHe79zFywCIQCHNsa5VAuezLImw4YqO8',
      'BHG3jMeSx1YiA8gvp9vOVx3A==',
    ],
    key: [
      'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpv4mAZkeOduKc/HfYh+pwhjUpyNSDx+ymdBXIV0Y/v',
      '2hRANCAASvM9LbJ3RVNV5UJ5GkZBeKm/azrLHMEvz8lsd4NuIrIOtKq8ovJ0vSp3TLgTmqQ6CdcoPIdj2imiHrm22q',
      'LD+7',
    ],
  },
  {
    cert: [
      'MIIBXzCCAQSgAwIBAgIJVhInV3AvgyFSMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTQwIBcNMj',
      'AwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBgxFjAUBgNVBAMTDXRlc3QtY2xpZW50LTQwWTATBgcqhkjOPQIB',
      'BggqhkjOPQMBBwNCAARmrx3aRTJc/t3oC/jLuIkoiqDj8JK1aP4TBR0qGCxI4hgPLxk0BeOjUQBMcL1K24ce/R/lLv',
      'jWCCOweEB42V4JozUwMzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjAK',
      'BggqhkjOPQQDAgNJADBGAiEAgTTp8s7JT4i29fm7vVbaAUpqkgBEmbZQ650PDbohiM8CIQC9ryoF/y0modG9OMN7XF',
      'cTR1Rxj/xOa1DHqKwL3dpPwg==',
    ],
    key: [
      'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgd5ZLy0a4t+0oq0TkQEqhPws9YbJw1uxyoWgu1CIN8m',
      'ChRANCAARmrx3aRTJc/t3oC/jLuIkoiqDj8JK1aP4TBR0qGCxI4hgPLxk0BeOjUQBMcL1K24ce/R/lLvjWCCOweEB4',
      '2V4J',
    ],
  },
]
