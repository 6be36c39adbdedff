import { expect, it } from 'vitest'
import { readErrorCode } from '../../../src/internal/oauth-error.ts'

const read = (body: string, type = 'application/json', secrets = ['a-secret']) => {
  const response = new Response(body, { status: 400, headers: { 'content-type': type } })
  return readErrorCode(response, secrets, (promise) => promise)
}

it.each(['application/json', 'Application/JSON; charset=utf-8'])(
  'reads the code of a response with the media type %s',
  async (type) => {
    expect(await read('{"error":"invalid_client"}', type)).toBe('invalid_client')
  },
)

it.each(['text/plain', 'application/jsonp', 'text/plain; a=application/json', 'x'])(
  'reads no code of a response with the media type %s',
  async (type) => {
    expect(await read('{"error":"invalid_client"}', type)).toBeUndefined()
  },
)

it.each([
  '',
  'x',
  'null',
  '{}',
  '{"error":7}',
  '{"error":["invalid_client"]}',
  '{"error":""}',
  '{"error":"a sentence"}',
  `{"error":"${'x'.repeat(65)}"}`,
  `{"error":"x","padding":"${'x'.repeat(4_096)}"}`,
])('reads no code in %s', async (body) => {
  expect(await read(body)).toBeUndefined()
})

it('leaves out a code that contains a secret or is a part of one', async () => {
  expect(await read('{"error":"the-a-secret-is"}')).toBeUndefined()
  expect(await read('{"error":"secret"}')).toBeUndefined()
  expect(await read('{"error":"secrets"}')).toBe('secrets')
})
