/** Requests with a token in the header, or with a body. */
import type { RawRequest } from './exchange.ts'

/** A request with these credentials in its Authorization field. */
export function authorization(value: string, rest: RawRequest = {}): RawRequest {
  return { ...rest, lines: [`Authorization: ${value}`, ...(rest.lines ?? [])] }
}

/** A request with a token in the scheme DPoP, and with a proof. */
export const dpop = (token: string, proof: string, rest: RawRequest = {}): RawRequest =>
  authorization(`DPoP ${token}`, { ...rest, lines: [`DPoP: ${proof}`, ...(rest.lines ?? [])] })

export const bearer = (token: string, rest?: RawRequest): RawRequest =>
  authorization(`Bearer ${token}`, rest)

/** A request with this body, by default a form. */
export function form(
  body: string | Buffer,
  rest: RawRequest = {},
  type = 'application/x-www-form-urlencoded',
): RawRequest {
  return { method: 'POST', ...rest, body, lines: [`Content-Type: ${type}`, ...(rest.lines ?? [])] }
}
