/**
 * @module Checks the option `introspection.authentication` and imports its private key. No error
 * contains a secret.
 */
import { createPrivateKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { isJsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import {
  type Algorithm,
  allAlgorithms,
  findKeyType,
  getAlgorithm,
  isAlgorithm,
} from '../signature/algorithms.ts'
import { checkFunction, isFilledString, readOwnOptions } from './checks.ts'
import type { ClientAuthenticationOptions, ResolvedClientAuthentication } from './introspection.ts'

const label = 'issuer.introspection.authentication'
const minModulusBits = 2048

type Method = ClientAuthenticationOptions['method']

/** The options of each method. */
const optionNames: Readonly<Record<Method, readonly string[]>> = {
  client_secret_basic: ['method', 'clientId', 'clientSecret', 'encoding'],
  client_secret_post: ['method', 'clientId', 'clientSecret'],
  private_key_jwt: ['method', 'clientId', 'key', 'algorithm', 'audience'],
  tls_client_auth: ['method', 'clientId'],
  none: ['method', 'clientId'],
  bearer: ['method', 'token'],
}

type Options = Readonly<Record<string, unknown>>

/** @throws TypeError that names the option. */
export function readClientAuthentication(
  value: unknown,
  issuer: string,
): ResolvedClientAuthentication {
  const method = readMethod(value)
  const options = readOwnOptions<Options>(value, optionNames[method], label)
  switch (method) {
    case 'client_secret_basic':
      return readBasic(options)
    case 'client_secret_post':
      return { method, clientId: readText(options, 'clientId'), ...readSecret(options) }
    case 'private_key_jwt':
      return readPrivateKey(options, issuer)
    case 'bearer':
      return { method, clientId: undefined, token: readToken(options) }
    default: {
      const hasClientId = options.clientId !== undefined
      return { method, clientId: hasClientId ? readText(options, 'clientId') : undefined }
    }
  }
}

function readMethod(value: unknown): Method {
  const method = isJsonObject(value) ? getOwn(value, 'method') : undefined
  if (typeof method === 'string' && Object.hasOwn(optionNames, method)) return method as Method
  const methods = Object.keys(optionNames).join(', ')
  throw new TypeError(`${label} takes an object with method: ${methods}`)
}

function readText(options: Options, name: string): string {
  const value = options[name]
  if (isFilledString(value)) return value
  throw new TypeError(`${label}.${name} must be a string that is not empty`)
}

function readSecret(options: Options): { readonly clientSecret: string } {
  return { clientSecret: readText(options, 'clientSecret') }
}

function readBasic(options: Options): ResolvedClientAuthentication {
  const { encoding = 'form' } = options
  if (encoding !== 'form' && encoding !== 'raw') {
    throw new TypeError(`${label}.encoding must be 'form' or 'raw'`)
  }
  const clientId = readText(options, 'clientId')
  // RFC 7617 §2: the first colon ends the user name.
  if (encoding === 'raw' && clientId.includes(':')) {
    throw new TypeError(`${label}.clientId must not have a colon where encoding is 'raw'`)
  }
  return { method: 'client_secret_basic', clientId, ...readSecret(options), encoding }
}

function readToken({ token }: Options): () => string | Promise<string> {
  if (token === undefined) throw new TypeError(`${label}.token is missing: it takes a function`)
  checkFunction(token, `${label}.token`)
  return token as () => string | Promise<string>
}

function readPrivateKey(options: Options, issuer: string): ResolvedClientAuthentication {
  const clientId = readText(options, 'clientId')
  const jwk = readJwk(options.key)
  return {
    method: 'private_key_jwt',
    clientId,
    key: importPrivateKey(jwk),
    kid: isFilledString(jwk.kid) ? jwk.kid : undefined,
    algorithm: readAlgorithm(options.algorithm, jwk),
    audience: options.audience === undefined ? issuer : readText(options, 'audience'),
  }
}

const wrongKey = `${label}.key must be a private JWK of type RSA, EC or OKP`

function readJwk(key: unknown): JWK {
  if (!isJsonObject(key)) throw new TypeError(wrongKey)
  const jwk: JWK = Object.assign(Object.create(null), key)
  if (!isFilledString(jwk.d)) throw new TypeError(wrongKey)
  if (jwk.use !== undefined && jwk.use !== 'sig') {
    throw new TypeError(`${label}.key has a use other than sig`)
  }
  return jwk
}

function importPrivateKey(jwk: JWK): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: { ...jwk } as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    // Without the cause, which might contain a part of the key.
    throw new TypeError(wrongKey)
  }
  // RFC 7518 §3.3: a key of 2048 bits or larger MUST be used.
  if ((key.asymmetricKeyDetails?.modulusLength ?? minModulusBits) >= minModulusBits) return key
  throw new TypeError(`${label}.key must have at least ${minModulusBits} bits`)
}

/** Returns the option, else the `alg` of the key, else the first algorithm for the type of the key. */
function readAlgorithm(option: unknown, jwk: JWK): Algorithm {
  const keyType = findKeyType(jwk.kty, jwk.crv)
  const fitting = allAlgorithms.filter((name) => getAlgorithm(name).keyType === keyType)
  const name = option === undefined ? 'key.alg' : 'algorithm'
  const algorithm: unknown = option ?? jwk.alg ?? fitting[0]
  if (isAlgorithm(algorithm) && fitting.includes(algorithm)) return algorithm
  const takes = fitting.length > 0 ? `one of ${fitting.join(', ')}` : 'that of a key for signatures'
  throw new TypeError(`${label}.${name} must be ${takes}`)
}
