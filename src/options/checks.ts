/**
 * @module The checks of option values. A wrong value throws a TypeError that names the option and what it
 * takes. An option that is `undefined` counts as absent.
 */
import { isJsonObject } from '../internal/json-object.ts'

/**
 * Reads an options object: checks the names, and copies the options that the object itself has. The
 * copy has no prototype, so a property that is added to `Object.prototype` is not taken for an option.
 *
 * @param label The name of the object in messages.
 * @param elsewhere The right place of options that are often put here by mistake.
 * @throws TypeError if the value is not an object, or has a member whose name is not an option.
 */
export function readOwnOptions<T extends object>(
  value: unknown,
  names: readonly (keyof T & string)[],
  label: string,
  elsewhere: Readonly<Record<string, string>> = {},
): Partial<T> {
  if (!isJsonObject(value)) {
    throw new TypeError(`${label} takes an object with ${names.join(', ')}`)
  }
  const options: Record<string, unknown> = Object.create(null)
  for (const name of names) {
    if (Object.hasOwn(value, name)) options[name] = (value as Record<string, unknown>)[name]
  }
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined && !(names as readonly string[]).includes(name)) {
      const place = Object.hasOwn(elsewhere, name) ? `it belongs in ${elsewhere[name]}` : undefined
      throw new TypeError(
        `${label} has no option "${name}"; ${place ?? `its options are ${names.join(', ')}`}`,
      )
    }
  }
  return options as Partial<T>
}

/** One day in seconds. */
export const day = 86_400

/** Checks a finite number of seconds. The upper limits refuse most values that are in milliseconds. */
export function checkSeconds(
  value: unknown,
  label: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new TypeError(`${label} must be a number of seconds between ${min} and ${max}`)
  }
  return value
}

/**
 * Checks a value or a list of values, each of which must pass `accepts`. Returns a frozen list.
 *
 * @param takes What the option takes, for messages.
 * @throws TypeError also for an empty list.
 */
export function checkList<T extends string>(
  value: unknown,
  label: string,
  takes: string,
  accepts: (item: unknown) => item is T,
): readonly T[] | undefined {
  if (value === undefined) return undefined
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (items.length === 0) throw new TypeError(`${label} must not be empty: it takes ${takes}`)
  if (!items.every(accepts)) throw new TypeError(`${label} must be ${takes}`)
  return Object.freeze([...items])
}

export function checkFunction(value: unknown, label: string): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${label} must be a function`)
  }
}

/** Returns `false` if the option is absent. */
export function checkBoolean(value: unknown, label: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${label} must be true or false`)
  }
  return value ?? false
}

export function isFilledString(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
