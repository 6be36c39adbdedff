// @ts-check
/**
 * Shows the whole flow on this machine: an authorization server, the same API in Express, Koa and
 * node:http, and a client that calls them with valid and invalid tokens.
 *
 *   npm run demo               runs the flow; exits with 1 if a result is not as expected
 *   npm run demo -- --serve    keeps the servers running afterwards, for curl
 */
import { createTestIssuer } from 'oauth-resource-server/testing'
import { startApis } from './demo/apis.js'
import { client, runFlow, tokenRequest } from './demo/flow.js'

const issuer = await createTestIssuer({ audience: 'https://api.example.com', clients: [client] })
const apis = await startApis({
  issuer: {
    issuer: issuer.issuer,
    introspection: {
      authentication: {
        method: 'client_secret_basic',
        clientId: client.id,
        clientSecret: client.secret,
      },
      maxAge: 0, // asks about every request, so that the demo need not wait
    },
  },
  resource: issuer.audience,
  dpop: true,
})

console.log('Authorization server  %s', issuer.issuer)
for (const { name, url } of apis) console.log('%s %s', `API in ${name}`.padEnd(21), url)

try {
  const succeeded = await runFlow(issuer, apis, console.log)
  process.exitCode = succeeded ? 0 : 1
  if (process.argv.includes('--serve')) await serve()
} finally {
  for (const { close } of apis) close()
  await issuer.close()
}

async function serve() {
  const request = [`curl --silent --request POST ${issuer.tokenEndpoint}`]
  for (const parameter of tokenRequest(issuer.audience).entries()) {
    request.push(`--data ${parameter.join('=')}`)
  }
  const fetchToken = request.join(' \\\n  ')
  const extract = `node -p "JSON.parse(require('fs').readFileSync(0)).access_token"`
  console.log(`
The servers keep running until Ctrl-C. Request a token in another terminal:

${fetchToken}

Store it in a variable:

TOKEN=$(${fetchToken} \\
  | ${extract})

Call the APIs with it:
`)
  for (const { url } of apis) {
    console.log('curl --include --header "authorization: Bearer $TOKEN" %s', url)
  }
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
}
