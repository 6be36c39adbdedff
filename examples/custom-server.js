// @ts-check
/**
 * WebSocket connections without a framework. Only a client with an access token may open one. The same
 * code works in any other server: for bearer tokens, the validator needs only the headers of a request.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node custom-server.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import { createHash } from 'node:crypto'
import { createServer, STATUS_CODES } from 'node:http'
import { AccessTokenError, createValidator } from 'oauth-resource-server'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

const validator = createValidator({ issuer: ISSUER, audience: AUDIENCE })
const server = createServer((_request, response) => response.writeHead(426).end())

server.on('upgrade', async (request, socket) => {
  socket.on('error', () => socket.destroy())
  try {
    const token = await validator.authenticate(request, { scopes: 'read:reports' })
    // RFC 6455 §4.2.2. A WebSocket library does this, and reads the frames.
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Accept': accept }
    socket.write(head(101, headers))
    // Close the connection when the token expires. (A timer can wait for at most 24 days.)
    const remaining = token.expiresAt * 1000 - Date.now()
    const timer = setTimeout(() => socket.end(), Math.min(remaining, 2 ** 31 - 1))
    socket.on('close', () => clearTimeout(timer)).resume()
  } catch (error) {
    const failure = { status: 500, headers: {}, body: undefined }
    const { status, headers, body } = error instanceof AccessTokenError ? error : failure
    const text = body ? JSON.stringify(body) : ''
    const more = { Connection: 'close', 'Content-Length': String(text.length) }
    socket.end(head(status, { ...headers, ...more }) + text)
  }
})

/** @param {number} status @param {AccessTokenError['headers']} headers */
function head(status, headers) {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}\r\n`),
  )
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`
}

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
