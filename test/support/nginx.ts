/** A real nginx that terminates TLS in front of a server of the test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Certificate } from './certificate.ts'
import { replaceStrings } from './docs.ts'
import { freePort } from './free-port.ts'

/** The path of nginx; `undefined` where it is not installed. */
export const nginxPath: string | undefined = ['nginx', '/usr/sbin/nginx'].find(canRun)

if (nginxPath === undefined)
  console.warn('nginx is not installed: the tests that need it are skipped')

function canRun(path: string): boolean {
  try {
    execFileSync(path, ['-v'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface NginxOptions {
  readonly certificate: Certificate
  /** Where requests are passed on to, on 127.0.0.1. */
  readonly upstreamPort: number
  /** The block of the server in the guide. */
  readonly server: string
}

/** Starts nginx on a free port of 127.0.0.1, with the configuration of the guide. */
export async function startNginx(options: NginxOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'nginx-'))
  writeFileSync(join(directory, 'cert.pem'), options.certificate.cert)
  writeFileSync(join(directory, 'key.pem'), options.certificate.key)
  const port = await freePort()
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port, options))
  const args = ['-p', directory, '-c', 'nginx.conf', '-e', 'error.log']
  const child = spawn(nginxPath as string, args, { stdio: 'ignore' })
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    rmSync(directory, { recursive: true })
  }
  await waitForPort(port, child)
  return { port, stop }
}

function configuration(directory: string, port: number, options: NginxOptions): string {
  const server = replaceStrings(options.server, {
    '443 ssl': `127.0.0.1:${port} ssl`,
    '/etc/nginx/api.crt': `${directory}/cert.pem`,
    '/etc/nginx/api.key': `${directory}/key.pem`,
    '10.0.0.10:3000': `127.0.0.1:${options.upstreamPort}`,
  })
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events {}
http {
  access_log off;
  ${paths.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  ${server}
}
`
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) break
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await delay(50)
    } finally {
      socket.destroy()
    }
  }
  throw new Error('nginx did not start')
}
