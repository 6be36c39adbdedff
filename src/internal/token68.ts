/** @module The syntax of a bearer token in a header field. */

/** RFC 9110 §11.2: token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
export const token68: RegExp = /^[A-Za-z0-9\-._~+/]+=*$/
