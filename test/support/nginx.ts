/** A real nginx that terminates TLS in front of a server of the test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Certificate } from './certificate.ts'

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
  /** Directives of the location. */
  readonly directives: string
}

/** Starts nginx on a free port of 127.0.0.1; it accepts every client certificate. */
export async function startNginx(options: NginxOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'nginx-'))
  writeFileSync(join(directory, 'cert.pem'), options.certificate.cert)
  writeFileSync(join(directory, 'key.pem'), options.certificate.key)
  const port = await findFreePort()
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
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events {}
http {
  access_log off;
  ${paths.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${directory}/cert.pem;
    ssl_certificate_key ${directory}/key.pem;
    ssl_verify_client optional_no_ca;
    location / {
      proxy_pass http://127.0.0.1:${options.upstreamPort};
      ${options.directives}
    }
  }
}
`
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
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
