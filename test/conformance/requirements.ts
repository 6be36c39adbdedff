/**
 * Every requirement with an id, by topic, and the few that cannot be tested yet. An id consists of the
 * number of the RFC and the section, or of a short name: `A0` for Auth0, `ISS` for other providers, `MCP`, `F` for
 * failures, `AD` for adapters.
 */
export const requirements: Record<string, string> = {
  'HTTP authentication and bearer tokens': `
    9110-11.1-a 9110-11.1-b 9110-11.4-a 9110-11.4-b 9110-11.4-c 9110-11.2-a 9110-11.2-b
    9110-11.2-c 9110-11.6.2-a 9110-11.6.2-b 9110-11.6.2-c 9110-11.3-a 9110-11.3-b 9110-11.3-c
    9110-11.3-d 9110-11.3-e 9110-11.7-a 9110-11.x-a 9110-11.6.1-a 9110-11.6.1-b 9110-11.2-d
    9110-11.5-a 9110-5.6.4-a 9110-5.6.4-b 9110-refl-a 9110-15.5.4-a 9110-4.3-a 9110-9.3.2-a
    9110-node-a 9110-node-b 9110-node-c 9110-node-d 9110-node-e 9110-cache-a 6750-2-a 6750-2-b
    6750-2-c 6750-2-d 6750-2.1-a 6750-2.2-a 6750-2.2-b 6750-2.2-c 6750-2.2-d 6750-2.2-e
    6750-2.2-f 6750-2.2-g 6750-2.2-h 6750-2.2-i 6750-2.2-j 6750-2.2-k 6750-2.2-l 6750-2.3-a
    6750-2.3-b 6750-2.3-c 6750-2.3-d 6750-3-a 6750-3-b 6750-3-c 6750-3-d 6750-3-e 6750-3-f
    6750-3-g 6750-3-h 6750-3-i 6750-3-j 6750-3.1-a 6750-3.1-b 6750-3.1-c 6750-3.1-d 6750-3.1-e
    6750-3.1-f 6750-3.1-g 6750-3.1-h 6750-3.1-i 6750-3.1-j 6750-5.3-a 6750-5.3-b 6750-5.2-a
    6750-opt-a 6750-opt-b 6750-multi-a
  `,
  'Access tokens as JWTs': `
    9068-4-typ-a 9068-4-typ-b 9068-4-typ-c 9068-4-typ-d 9068-4-typ-e 9068-4-idt-a 9068-4-enc-a
    9068-4-enc-b 9068-4-enc-c 9068-4-iss-a 9068-4-iss-b 9068-4-iss-c 9068-4-aud-a 9068-4-aud-b
    9068-4-aud-c 9068-4-aud-d 9068-4-aud-e 9068-4-aud-f 9068-4-aud-g 9068-4-alg-a 9068-4-sig-a
    9068-2.1-rs256 9068-4-exp-a 9068-2.2-a 9068-2.2-b 9068-2.2-c 9068-iat-fut 9068-maxage
    9068-nbf 9068-4-err-a 9068-2.2.3-a 9068-2.2.3-b 9068-2.2.3-c 9068-2.2.3.1 9068-4-ctx
    9068-out-a 7515-5.2-1a 7515-5.2-1b 7515-5.2-2 7515-5.2-2b 7515-5.2-2c 7515-5.2-3a
    7515-5.2-3b 7519-7.2-10 7515-4-dup 7519-4-dup 7519-4-proto 7519-4-unk 7515-4-unk
    7515-4.1.11-a 7515-4.1.11-b 7797-7 7515-4.1.1-a 7515-4.1.2 7515-4.1.3 7515-4.1.5
    7515-4.1.4-a 7515-4.1.4-b 7515-4.1.4-c 7515-4.1.4-d 7515-4.1.4-e 7515-zip 7519-5.2-cty
    7515-10.7 7519-nd-a 7519-nd-b 7519-nd-c 7519-nd-d 7519-nd-e 7519-nd-f 7519-nd-g 7519-4.1.2
    7515-size 7515-deep 7515-many 7515-order 7519-garbage 8725-3.1-a 8725-3.1-b 8725-3.1-c
    8725-3.1-d 8725-3.1-e 8725-3.1-f 8725-3.2-a 8725-3.3-a 8725-3.3-b 8725-3.4-a 8725-3.5-a
    8725-3.6-a 8725-3.13-a 8725-3.7-a 8725-3.8-a 8725-3.8-b 8725-3.8-c 8725-3.8-d 8725-3.8-e
    8725-3.9-a 8725-3.10-a 8725-3.10-b 8725-3.11-a 8725-3.11-b 8725-3.12-a 8725-3.14-a
  `,
  'Keys and discovery': `
    7517-5-a 7517-5-b 7517-5-c 7517-5-d 7517-5-e 7517-4.2-a 7517-4.3-a 7517-4.3-b 7517-4.4-a
    7517-4.4-b 7517-4.4-c 7517-4.5-a 7517-4.5-b 7517-priv 7517-oct 7517-x5c-a 7517-x5c-b
    7518-3.3 7518-rsa-e 7518-rsa-roca 7518-rsa-big 7518-rsa-pad 7518-3.5-salt 7518-3.4-a
    7518-3.4-b 7518-3.4-c 7518-6.2.1 7518-hs 8037-3.1-a 8037-3.1-b 8037-3.1-c 8037-2 8037-mal
    9864-a 9864-b 8725-3.1-alg jwks-cache-a jwks-cache-b jwks-rot-a jwks-rot-b jwks-rot-c
    jwks-rot-d jwks-err-a jwks-err-b jwks-err-c jwks-err-d jwks-http-a jwks-http-b jwks-http-c
    jwks-ttl jwks-multi 8414-3-a 8414-3-b 8414-3-c 8414-3-d 8414-3-e 8414-3.2-a 8414-3.3-a
    8414-3.3-b 8414-3.3-c 8414-2-a 8414-2-b 8414-2-c 8414-2-d 8414-4-a 8414-6.1 8414-alg-a
    8414-lazy-a 8414-lazy-b 8414-cons-a 8414-redir 8414-manual
  `,
  'Resource metadata, step-up and authorization details': `
    9728-3-a 9728-3.1-a 9728-3.1-b 9728-3.1-c 9728-3.2-a 9728-3.2-b 9728-2-a 9728-3.3-a 9728-3.3-b
    9728-1.2-a 9728-2-b 9728-2-c 9728-2-d 9728-2-e 9728-2-f 9728-2-g 9728-2-h 9728-2-i 9728-2.2
    9728-5.1-a 9728-5.1-b 9728-5.1-c 9728-5.1-d 9728-7-cors 9728-7.10 9728-multi 9728-mount 9728-unk
    9728-str 8707-2-a 8707-2-b 8707-2-c 8707-2-d 9470-3-a 9470-3-b 9470-3-c 9470-3-d 9470-3-e
    9470-3-f 9470-3-g 9470-3-h 9470-3-i 9470-3-j 9470-3-k 9470-prec 9470-6.2 9470-status
    9470-acr-chars 9396-9-a 9396-9-b 9396-9-c 9396-9-d 9396-9-e 9396-9-f
  `,
  'Proof of possession': `
    9449-7.1-a 9449-7.2-a 9449-7.2-b 9449-7.1-b 9449-7.1-c 9449-7.1-d 9449-7.1-e 9449-7.2-c
    9449-7.2-d 9449-7.2-e 9449-7.1-f 9449-7.1-g 9449-7.1-h 9449-7.1-i 9449-7.1-j 9449-6-a 9449-6-b
    9449-6-c 9449-6.2-a 9449-4.3-1 9449-4.1-a 9449-4.3-2 9449-4.3-3 9449-4.3-3t 9449-4.3-3f
    9449-4.3-4 9449-4.3-5a 9449-4.3-5b 9449-4.3-6 9449-4.3-6b 9449-4.3-7 9449-4.2-jwk 9449-4.3-x
    9449-4.3-8a 9449-4.3-8b 9449-4.3-8c 9449-4.3-9a 9449-4.3-9b 9449-4.3-9c 9449-4.3-9d
    9449-4.3-9e 9449-4.3-9f 9449-4.3-10a 9449-4.3-10b 9449-4.3-11a 9449-4.3-11b 9449-4.3-11c
    9449-4.3-11d 9449-4.3-12a 9449-4.3-12b 9449-11.1-a 9449-11.1-b 9449-11.1-c 9449-11.1-d
    9449-11.1-e 9449-11.1-f 9449-size 9449-order 9449-9-a 9449-8-a 9449-8-b 9449-8.1 9449-8.2-a
    9449-8.2-b 9449-11.1-g 9449-9-b 9449-8-c 9449-9-c 8705-3-a 8705-3-b 8705-3-c 8705-3-d
    8705-3.1-a 8705-3.1-b 8705-3.1-c 8705-3.1-d 8705-3.1-e 8705-3-e 8705-3.2-a 8705-6.2-a
    8705-6.2-b 8705-6.5-a 8705-6.5-b 8705-scheme 8705-resum 8705-h2 8705-meta 7800-3.1 A0-dpop-a
    A0-dpop-b A0-mtls-a A0-mtls-b MCP-dpop
  `,
  'Token introspection': `
    7662-2.1-a 7662-2.1-b 7662-2.1-c 7662-2.1-d 7662-2.1-e 7662-2.1-f 7662-2.2-a 7662-2.2-b
    7662-2.2-c 7662-2.2-d 7662-2.2-e 7662-2.2-f 7662-2.2-g 7662-2.2-h 7662-2.2-i 7662-2.2-j
    7662-2.2-k 7662-2.2-l 7662-2.3-a 7662-2.3-b 7662-4-cache-a 7662-4-cache-b 7662-4-cache-c
    7662-4-cache-d 7662-4-cache-e 7662-4-cache-f 7662-4-tls 7662-conc 7662-route 9701-a 9701-b 9701-c
    9701-d
  `,
  'Model Context Protocol': `
    MCP-prm-a MCP-prm-b MCP-prm-c MCP-prm-d MCP-401-a MCP-err-a MCP-scope-a MCP-scope-b MCP-scope-c
    MCP-scope-d MCP-scope-e MCP-scope-f MCP-aud-a MCP-aud-b MCP-tok-a MCP-tok-b MCP-origin MCP-uri-a
    MCP-body MCP-authinfo
  `,
  'Tokens of providers': `
    A0-val-1 A0-val-2 A0-val-3 A0-prof-a A0-prof-b A0-iss A0-perm A0-opaque A0-rotate A0-mcd
    A0-agent ISS-entra ISS-okta ISS-cognito ISS-keycloak ISS-google
  `,
  'Failure and adapters': `
    F-503 F-500 F-throw F-clock F-cfg F-cfg2 F-err-shape AD-exp-a AD-exp-b AD-exp-c AD-koa-a
    AD-koa-b AD-http-a AD-http-b AD-same AD-mut AD-type AD-ctx AD-conc
  `,
}

/** Requirements that are not tested, with the reason. */
export const exceptions: Record<string, string> = {
  '6750-5.2-a': 'TLS is configured in the server of the application; the README says so',
  '9728-3.3-b':
    'clients compare; the guide resource-metadata says what that means for the identifier',
  'MCP-scope-c': 'the challenge has the required scopes; see decision 11',
  'MCP-aud-b': 'nothing is forwarded; the guide mcp says not to send the token to other services',
  'MCP-origin': 'Origin is the task of the transport; the guide mcp says so',
}
