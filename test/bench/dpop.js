/**
 * @module The process of one contender that checks DPoP proofs: it is sent the credentials of all requests
 * of a sample, and replies with the sample.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { createDpopClient } from './dpop-client.js'
import { dpopContenders } from './dpop-contenders.js'
import { createMeter } from './meter.js'

const { name, file, inFlight } = JSON.parse(process.argv[2] ?? '')
const { setup } = JSON.parse(readFileSync(file, 'utf8'))
const create = dpopContenders[name]
if (create === undefined) throw new Error(`there is no contender ${name}`)
const verify = await create(setup)
const meter = createMeter()

/** @param {readonly import('./dpop-client.js').Credentials[]} requests */
async function measure(requests) {
  meter.reset()
  const left = requests.values()
  const worker = async () => {
    for (const credentials of left) {
      const start = performance.now()
      await verify(credentials)
      meter.record(performance.now() - start)
    }
  }
  const stop = meter.start()
  await Promise.all(Array.from({ length: inFlight }, worker))
  stop()
  return meter.sample()
}

/** Requires that the contender accepts a valid proof and refuses others. */
async function assertVerifies() {
  const client = await createDpopClient(file)
  await verify(await client.makeCredentials())
  for (const changes of [{ htu: `${setup.issuer}/elsewhere` }, { ath: 'other' }, { iat: 0 }]) {
    const refused = await verify(await client.makeCredentials(changes)).then(
      () => false,
      () => true,
    )
    if (!refused) throw new Error(`${name} accepted a proof with ${JSON.stringify(changes)}`)
  }
}

process.on('message', async (/** @type {import('./dpop-client.js').Credentials[]} */ requests) => {
  process.send?.(await measure(requests))
})
process.on('disconnect', () => process.exit())
await assertVerifies()
process.send?.('ready')
