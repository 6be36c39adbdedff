import type { InvalidTokenError } from 'oauth-resource-server'

/** The reason and the detail of the error that a validation throws; `undefined` if it throws none. */
export function failureOf(validate: () => void) {
  try {
    validate()
  } catch (error) {
    const { reason, detail } = error as InvalidTokenError
    return { reason, ...detail }
  }
  return undefined
}
