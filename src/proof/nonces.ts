/**
 * @module DPoP nonces without stored state: each contains its time of creation and a MAC, so that every
 * process with the same secret accepts it, also after a restart.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-8 | RFC 9449, section 8}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-9 | RFC 9449, section 9}
 */
import { Buffer } from 'node:buffer'
import {
  createHmac,
  createSecretKey,
  type KeyObject,
  randomFillSync,
  timingSafeEqual,
} from 'node:crypto'
import { decodeBase64url } from '../internal/base64url.ts'

/**
 * `current`: accepted. `near_expiry`: accepted, and the response should offer the next nonce.
 * `expired`: created with one of the secrets, but too long ago. `unknown`: anything else.
 */
type NonceState = 'current' | 'near_expiry' | 'expired' | 'unknown'

export interface Nonces {
  /** Creates a nonce: 48 characters of base64url. */
  readonly create: () => string
  readonly check: (nonce: string) => NonceState
}

export interface NoncesOptions {
  /** At least one. The first creates new nonces. Nonces of all of them are accepted. */
  readonly secrets: readonly Uint8Array[]
  /** Seconds. */
  readonly lifetime: number
  /** How many seconds the clock of the process that created a nonce may be ahead. */
  readonly futureTolerance: number
  /** Milliseconds. */
  readonly now: () => number
}

// 96 random bits, the time of creation in milliseconds, a MAC of 144 bits: 36 octets leave no partial
// character in base64url, whose alphabet RFC 9449 §8.1 allows.
const randomLength = 12
const timeLength = 6
const messageLength = randomLength + timeLength
const macLength = 18
const nonceLength = ((messageLength + macLength) / 3) * 4

// The MAC of a nonce must not be valid for anything else that uses the same secret.
const macContext = 'oauth-resource-server DPoP nonce'

export function createNonces(options: NoncesOptions): Nonces {
  const { lifetime, futureTolerance, now } = options
  const keys = options.secrets.map((secret) => createSecretKey(secret))
  const signingKey = keys[0] as KeyObject

  function checkAge(created: number): NonceState {
    const age = now() / 1000 - created / 1000
    if (!(age >= -futureTolerance)) return 'unknown'
    if (!(age < lifetime)) return 'expired'
    return age < (lifetime * 2) / 3 ? 'current' : 'near_expiry'
  }

  return {
    create() {
      const nonce = Buffer.alloc(messageLength + macLength)
      randomFillSync(nonce, 0, randomLength)
      nonce.writeUIntBE(Math.floor(now()), randomLength, timeLength)
      computeMac(signingKey, nonce.subarray(0, messageLength)).copy(nonce, messageLength)
      return nonce.toString('base64url')
    },
    check(nonce) {
      const bytes = nonce.length === nonceLength ? decodeBase64url(nonce) : undefined
      if (bytes === undefined) return 'unknown'
      const message = bytes.subarray(0, messageLength)
      const mac = bytes.subarray(messageLength)
      const isAuthentic = keys.some((key) => timingSafeEqual(computeMac(key, message), mac))
      return isAuthentic ? checkAge(bytes.readUIntBE(randomLength, timeLength)) : 'unknown'
    },
  }
}

function computeMac(key: KeyObject, message: Buffer): Buffer {
  const mac = createHmac('sha256', key).update(macContext).update(message).digest()
  return mac.subarray(0, macLength)
}
