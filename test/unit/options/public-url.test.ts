import { describe, expect, it } from 'vitest'
import { construct, expectRefused, read } from '../../support/validator-options.ts'

const publicUrlOf = (options: object) => read({ dpop: true, ...options }).dpop?.publicUrl

describe('publicUrl', () => {
  it('is the origin of resource by default', () => {
    const resource = 'https://rs.test/api'
    expect(publicUrlOf({ resource })).toBe('https://rs.test')
    expect(publicUrlOf({ resource, publicUrl: undefined })).toBe('https://rs.test')
    expect(publicUrlOf({ resource, publicUrl: 'https://other.test' })).toBe('https://other.test')
  })

  it('is required with dpop and without resource', () => {
    expect(() => read({ dpop: true })).toThrow(
      new TypeError(
        'publicUrl is missing: dpop compares proofs with the base URL that clients use; it defaults to the origin of resource',
      ),
    )
    expect(() => read({})).not.toThrow()
  })

  it.each(['https://rs.test', 'http://rs.test:8080/prefix/', 'HTTPS://rs.test'])(
    'may be %s',
    (publicUrl) => {
      expect(publicUrlOf({ publicUrl })).toBe(publicUrl)
    },
  )

  it('has no credentials, no query and no fragment, and is http or https', () => {
    expectRefused(
      [
        ...[null, 5, ['https://rs.test'], new URL('https://rs.test')],
        ...['', 'rs.test', 'ftp://rs.test', 'x-https://rs.test', ' https://rs.test'],
        ...['https://user@rs.test', 'https://rs.test?a', 'https://rs.test#a'],
        ...['https://rs.test/a b', 'https://rs.test\\a', 'https://rs.test:99999'],
      ],
      (publicUrl) => construct({ publicUrl }),
      'publicUrl must be an http or https URL without credentials, query and fragment',
    )
  })
})
