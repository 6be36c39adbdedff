/** @module The type of a JSON object. */

export type JsonObject = Readonly<Record<string, unknown>>

/** Returns whether a value is an object, and neither null nor an array. Its members may be of any type. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
