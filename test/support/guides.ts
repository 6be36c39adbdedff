/** Runs the code of a guide against a test issuer. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Validator } from 'oauth-resource-server'
import { codeBlock, createWorkFolder, replaceStrings } from './docs.ts'

/** The issuer in the guides. */
export const publicIssuer = 'https://auth.example.com/'

export interface WithValidator {
  readonly validator: Validator
}

/** Request headers with this token. */
export const bearerHeaders = (token: string): { authorization: string } => ({
  authorization: `Bearer ${token}`,
})

export interface GuideRunner {
  readonly folder: ReturnType<typeof createWorkFolder>
  /** Imports the block of a guide that contains `text`, with some of its strings replaced. */
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
      const code = replaceStrings(codeBlock(`docs/guides/${name}.md`, text), replacements)
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
