/**
 * @module Reads `access_token` from a form that the application's body parser has parsed.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.2 | RFC 6750, section 2.2}
 */
import type { HttpRequest } from '../access-token.ts'
import { InvalidRequestError } from '../errors.ts'
import { getFieldValues } from '../internal/field-values.ts'
import { readSingleParameter, repeatedParameter } from './query-parameter.ts'

// RFC 6750 §2.2: only where the body has a defined meaning, so never for GET.
const methodsWithBody: readonly unknown[] = ['POST', 'PUT', 'PATCH']
const formType = 'application/x-www-form-urlencoded'
const malformedParameter = 'The parameter access_token is not a string'

/** @throws InvalidRequestError for a repeated or malformed parameter. */
export function readFormParameter(request: HttpRequest): string | undefined {
  const { body } = request
  if (!methodsWithBody.includes(request.method)) return undefined
  if (typeof body !== 'object' || body === null) return undefined
  const contentTypes = getFieldValues(request.headers, 'content-type')
  const [contentType] = contentTypes
  if (contentTypes.length > 1 || typeof contentType !== 'string') return undefined
  if (contentType.split(';', 1)[0]?.trim().toLowerCase() !== formType) return undefined
  if (body instanceof URLSearchParams) return readSingleParameter(body)
  if (!Object.hasOwn(body, 'access_token')) return undefined
  const value = (body as Record<string, unknown>).access_token
  if (Array.isArray(value)) throw new InvalidRequestError(repeatedParameter)
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') throw new InvalidRequestError(malformedParameter)
  return value
}
