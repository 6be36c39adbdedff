/** @module Waits for a promise for a limited time. */

/**
 * Waits for a promise. Does not cancel the work behind it.
 *
 * @throws what `createError` returns, after the time limit.
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  milliseconds: number,
  createError: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(createError()), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
