/** Headers that the application has set before for another body. */
import { describe, expect, it } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import { linesOf } from '../../support/exchange.ts'
import { C401, expectEverywhere, S403, T401 } from '../../support/expectations.ts'
import { t0 } from '../../support/fixture.ts'
import type { ApiOptions } from '../../support/mounted-apis.ts'
import { bearer } from '../../support/requests.ts'

const preset: Readonly<Record<string, string>> = {
  'Content-Encoding': 'gzip',
  'Content-Language': 'de',
  'Content-Range': 'bytes 0-1/2',
  'Content-Type': 'text/html',
  'Content-Length': '5',
  'Transfer-Encoding': 'chunked',
  Trailer: 'X-Checksum',
}

describe('headers of another body', () => {
  it.each(Object.entries(preset))(
    'AD-same a %s that the application set does not describe the body of a refusal',
    async (name, value) => {
      const before: ApiOptions['before'] = (request, response) => {
        // RFC 9113 §8.2.2: HTTP/2 has no such field.
        if (request.httpVersionMajor === 1 || name !== 'Transfer-Encoding') {
          response.setHeader(name, value)
        }
        return undefined
      }
      await withApis({ before }, async (apis) => {
        await expectEverywhere(apis, {}, C401)
        await expectEverywhere(apis, bearer(t0({ exp: 1 })), T401('expired'))
        await expectEverywhere(apis, bearer(t0(), { path: '/scoped' }), S403('read:a write:a'))
        for (const api of apis) {
          for (const request of [{}, bearer(t0({ exp: 1 }))]) {
            const answer = await api.send(request)
            expect(linesOf(answer, name), api.name).not.toContain(value)
          }
        }
      })
    },
  )
})
