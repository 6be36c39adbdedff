/** The guide to testing: the command that it prints is executed. */
import { afterAll, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { createGuideRunner } from '../support/guides.ts'

const { folder, importGuide } = createGuideRunner('guides-testing')
afterAll(() => folder.remove())

it('the testing guide prints a command that gets 200, and without its header 401', async () => {
  const port = await freePort()
  const log = vi.spyOn(console, 'log').mockReturnValue()
  await importGuide('testing', 'curl', { 'listen(3000)': `listen(${port}, '127.0.0.1')` })
  const [line] = log.mock.calls.flat()
  log.mockRestore()
  const [, path, authorization] =
    /^curl -i http:\/\/localhost:3000(\/\w+) -H 'authorization: (.+)'$/.exec(line) ?? []
  if (path === undefined || authorization === undefined) throw new Error(`Not a command: ${line}`)
  const url = `http://127.0.0.1:${port}${path}`
  expect((await fetch(url, { headers: { authorization } })).status).toBe(200)
  expect((await fetch(url)).status).toBe(401)
})
