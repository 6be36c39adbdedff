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
export function isRepeatedField(request: FieldLines, name: string): boolean {
  const { rawHeaders } = request
  if (rawHeaders !== undefined) {
    // Length first, because `toLowerCase` costs each request 0.1 µs.
    return (
      countLines(rawHeaders, (field) => field.length === name.length) > 1 &&
      countLines(rawHeaders, (field) => field.toLowerCase() === name) > 1
    )
  }
  // Read only here: in a request of Node it is a getter that creates an object of all fields.
  const { headersDistinct } = request
  if (headersDistinct === undefined || !Object.hasOwn(headersDistinct, name)) return false
  return (headersDistinct[name]?.length ?? 0) > 1
}

/** @param rawHeaders Names and values in turn. */
function countLines(rawHeaders: readonly string[], matches: (field: string) => boolean): number {
  let lines = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (matches(rawHeaders[index] as string)) lines++
  }
  return lines
}
