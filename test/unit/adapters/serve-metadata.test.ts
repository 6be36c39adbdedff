import { describe, expect, it } from 'vitest'
import { readMetadataEntry } from '../../../src/adapters/serve-metadata.ts'

const url = 'https://api.test/.well-known/oauth-protected-resource'
const document = { resource: 'https://api.test' }

describe('the metadata of a validator', () => {
  it.each([
    undefined,
    {},
    { resourceMetadata: {} },
    { resourceMetadata: { url } },
    { resourceMetadata: { document } },
  ])('is missing in %j', (validator) => {
    expect(() => readMetadataEntry(validator as never)).toThrow(
      new TypeError('resourceMetadata takes a validator that has the option resource'),
    )
  })

  it('may be that of an object around a validator, without maxAge', () => {
    expect(() => readMetadataEntry({ resourceMetadata: { url, document } as never })).not.toThrow()
  })
})
