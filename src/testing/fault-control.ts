/** @module Controls how a test issuer fails: whether its port is open, and the fault of its documents. */
import { type FaultName, faults, type SimulatedFault } from './faults.ts'
import type { LoopbackServer } from './loopback-server.ts'

/** Begins and ends the faults of one test issuer. */
export interface FaultControl {
  /** Returns how the metadata and JWKS endpoints fail now; `undefined` if they do not. */
  readonly currentFault: () => SimulatedFault | undefined
  readonly fault: (name: FaultName) => void
  readonly up: () => Promise<void>
  readonly close: () => Promise<void>
}

export function createFaultControl(server: LoopbackServer): FaultControl {
  let currentFault: SimulatedFault | undefined
  let isClosed = false
  return {
    currentFault: () => currentFault,
    fault(name) {
      if (name === 'down') {
        void server.stop()
        return
      }
      if (!Object.hasOwn(faults, name)) {
        throw new TypeError(
          `Unknown fault ${name}: fault() takes ${Object.keys(faults).join(', ')} or down`,
        )
      }
      currentFault = name
    },
    async up() {
      if (isClosed) throw new Error('The test issuer is closed')
      currentFault = undefined
      await server.start()
    },
    async close() {
      isClosed = true
      await server.stop()
    },
  }
}
