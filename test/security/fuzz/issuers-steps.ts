/** The steps of which the property in issuers.ts makes its sequences. */
import fc from 'fast-check'
import type { Kind } from './issuers-oracle.ts'
import { faults, modes, neverPublished, tenants } from './issuers-simulation.ts'

const kinds: readonly Kind[] = [
  'genuine',
  'genuine',
  'genuine',
  'without kid',
  'forged',
  'made-up kid',
  'unsigned',
]

const tenant = fc.nat({ max: tenants.length - 1 })
const request = fc.record({
  tenant,
  kind: fc.constantFrom(...kinds),
  key: fc.nat({ max: neverPublished }),
})
const publication = fc.uniqueArray(
  fc.record({
    index: fc.nat({ max: neverPublished - 1 }),
    isPrivate: fc.nat(9).map((n) => n === 0),
  }),
  { maxLength: 3, selector: ({ index }) => index },
)
export const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('requests' as const),
      requests: fc.array(request, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      seconds: fc.constantFrom(0.25, 1, 1, 5, 16, 31, 46, 61, 200, 400, 620),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('clock' as const),
      seconds: fc.constantFrom(-90_000, -600, -61, -1, 1, 50, 700, 90_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('publish' as const), tenant, keys: publication }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('server' as const),
      tenant,
      jwks: fc.constantFrom(...faults),
      metadata: fc.constantFrom(...faults),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('move' as const),
      tenant,
      old: fc.constantFrom('gone' as const, 'serves on' as const, 'refused' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('function' as const),
      tenant,
      mode: fc.constantFrom(...modes),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('flood' as const),
      name: fc.constantFrom('unknown', 'made-up', 'made-up-hang'),
      size: fc.constantFrom(20, 120),
    }),
  },
)
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
