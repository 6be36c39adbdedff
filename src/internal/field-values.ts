/** @module Reads the values of a header field, from an object of fields or from `Headers`. */

type HeaderFields =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | Headers
  | null
  | undefined

/** The members of a request of `node:http` that show each line of a field. */
interface FieldLines {
  readonly rawHeaders?: readonly string[] | undefined
  readonly headersDistinct?: Readonly<Record<string, readonly string[] | undefined>> | undefined
}

/**
 * Returns every value of a field. A value may have any type, because an application may have changed the
 * headers. Node joins several lines of most fields with a comma.
 *
 * @param name In lower case.
 */
export function getFieldValues(headers: HeaderFields, name: string): readonly unknown[] {
  if (headers === undefined || headers === null) return []
  if (typeof headers.get === 'function') {
    const value = (headers as Headers).get(name)
    return value === null ? [] : [value]
  }
  const fields = headers as Readonly<Record<string, unknown>>
  const values: unknown[] = []
  for (const field of Object.keys(fields)) {
    if (field.length !== name.length || field.toLowerCase() !== name) continue
    const value = fields[field]
    if (Array.isArray(value)) values.push(...value)
    else if (value !== undefined) values.push(value)
  }
  return values
}

/**
 * Returns whether a request had several lines with this field. In `headers`, Node joins them with a comma,
 * or keeps only the first.
 *
 * @param name In lower case.
 */
export function isRepeatedField(
  { rawHeaders, headersDistinct }: FieldLines,
  name: string,
): boolean {
  if (rawHeaders !== undefined) {
    let lines = 0
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const field = rawHeaders[index] as string
      if (field.length === name.length && field.toLowerCase() === name) lines++
    }
    return lines > 1
  }
  if (headersDistinct === undefined || !Object.hasOwn(headersDistinct, name)) return false
  return (headersDistinct[name]?.length ?? 0) > 1
}
