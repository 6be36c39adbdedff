import { expect, it } from 'vitest'
import { freshnessLifetime } from '../../../src/keys/freshness-lifetime.ts'

it.each([
  ['max-age=300', 300],
  ['public, max-age=300, must-revalidate', 300],
  ['MAX-AGE=300', 300],
  ['max-age="300"', 300],
  [' max-age=300 , s-maxage=9', 300],
  ['max-age=0', 60],
  ['max-age=59', 60],
  ['max-age=86400', 86_400],
  ['max-age=86401', 86_400],
  ['max-age=315360000', 86_400],
  ['max-age=999999999999999', 86_400],
])('%s means %i seconds', (header, seconds) => {
  expect(freshnessLifetime(header, 600)).toBe(seconds)
})

it.each([
  undefined,
  '',
  ',,,',
  'public',
  'no-store',
  'no-store, max-age=300',
  'max-age=300, no-cache',
  'max-age',
  'max-age=',
  'max-age=-1',
  'max-age=1.5',
  'max-age=3e2',
  'max-age=0x100',
  'max-age=soon',
  'max-age = 300',
  'max-age=9999999999999999',
  'max-age=300, max-age=300',
  'x-max-age=300',
  'max-age=soon max-age=300',
])('%s means the default', (header) => {
  expect(freshnessLifetime(header, 601)).toBe(601)
})
