/** @module Reads the values of a header field, however a request represents its headers. */

type HeaderFields =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | Headers
  | null
  | undefined

/**
 * Returns every value of a field, of any type: an application may have changed the headers. Node joins
 * several lines of most fields with a comma.
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
