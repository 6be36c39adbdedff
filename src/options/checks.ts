/**
 * @module Checks that every option passes before it is used. A wrong one throws a TypeError that names
 * the option and what it takes; `undefined` is absent.
 */

/**
 * Refuses anything but a plain options object, and every name that is not an option.
 *
 * @param elsewhere Where options belong that are often put here.
 */
export function checkNames(
  value: unknown,
  names: readonly string[],
  label: string,
  elsewhere: Readonly<Record<string, string>> = {},
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${label} takes an object with ${names.join(', ')}`)
  }
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined && !names.includes(name)) {
      const place = Object.hasOwn(elsewhere, name) ? `it belongs in ${elsewhere[name]}` : undefined
      throw new TypeError(
        `${label} has no option "${name}"; ${place ?? `its options are ${names.join(', ')}`}`,
      )
    }
  }
}

/** A finite number of seconds. */
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

/** One value, or a list of values, of which each passes `accepts`. Never empty. */
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

export function checkBoolean(value: unknown, label: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${label} must be true or false`)
  }
  return value ?? false
}

export function isFilledString(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
