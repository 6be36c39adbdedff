/** @module A limit on how long a promise is waited for. */

/**
 * Resolves or rejects as the promise does; rejects with an Error after the given time. What the promise
 * does later is ignored.
 */
export async function withTimeLimit<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const onTimeout = () => reject(new Error(`no result within ${milliseconds} ms`))
    timer = setTimeout(onTimeout, milliseconds)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
