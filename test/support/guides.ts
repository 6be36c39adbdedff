/** Runs the code of a guide against a test issuer. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Validator } from 'oauth-resource-server'
import { codeBlock, createWorkFolder, pointAt } from './docs.ts'

/** The issuer in the guides. */
export const publicIssuer = 'https://auth.example.com/'

export interface WithValidator {
  readonly validator: Validator
}

export const bearer = (token: string): { authorization: string } => ({
  authorization: `Bearer ${token}`,
})

export async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface GuideRunner {
  readonly folder: ReturnType<typeof createWorkFolder>
  /** Imports the block of a guide that contains a text, with some of its strings replaced. */
  readonly importGuide: <Exports>(
    name: string,
    text: string,
    replacements: Readonly<Record<string, string>>,
  ) => Promise<Exports>
  /** Starts a server until the end of the test. */
  readonly listen: (server: Server) => Promise<number>
  /** Calls a function at the end of the test. */
  readonly atEnd: (end: () => unknown) => void
  /** For `afterEach`. */
  readonly end: () => Promise<void>
}

export function createGuideRunner(folderName: string): GuideRunner {
  const folder = createWorkFolder(folderName)
  const ends: (() => unknown)[] = []
  let imported = 0
  return {
    folder,
    async importGuide(name, text, replacements) {
      imported += 1
      const code = pointAt(codeBlock(`docs/guides/${name}.md`, text), replacements)
      return await import(folder.write(`${name}-${imported}.ts`, code))
    },
    async listen(server) {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      ends.push(() => server.close())
      return (server.address() as AddressInfo).port
    },
    atEnd: (end) => ends.push(end),
    async end() {
      for (const end of ends.splice(0)) await end()
    },
  }
}
