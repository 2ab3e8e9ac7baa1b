// Tests that a family keeps its rules whoever tries to join it, in any order.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  evolveFamily,
  type Family,
  joinFamily,
  MAX_MEMBERS,
  type Member,
  noFamily,
} from '#subgraphs/inventory/domain/family.ts'

const option = (name: string, values: string[]) => fc.constantFrom(...values).map(value => ({ name, value }))
const size = option('size', ['S', 'M', 'm'])
const colour = option('colour', ['red', 'blue'])
const options = fc.oneof(
  { arbitrary: fc.tuple(size, colour), weight: 6 },
  { arbitrary: fc.tuple(colour, size), weight: 3 },
  { arbitrary: fc.tuple(option('Size', ['M', 'L']), colour), weight: 3 },
  { arbitrary: fc.tuple(size), weight: 1 },
)
const candidates = fc.array(fc.record({ sku: fc.constantFrom('a', 'b', 'c', 'd', 'e'), options }), {
  maxLength: 20,
})

type Outcome = 'joined' | 'known' | 'refused'

function run(joining: readonly Member[]): { readonly family: Family; readonly outcomes: readonly Outcome[] } {
  let family = noFamily
  const outcomes = joining.map((member): Outcome => {
    const decided = joinFamily(family, { family: 'shirt', ...member })
    if ('refused' in decided) return 'refused'
    family = decided.accepted.reduce(evolveFamily, family)
    return decided.accepted.length > 0 ? 'joined' : 'known'
  })
  return { family, outcomes }
}

const folded = ({ options }: Member) =>
  JSON.stringify(options.map(({ name, value }) => `${name}=${value}`.toLowerCase()).sort())
const names = ({ options }: Member) => JSON.stringify(options.map(({ name }) => name.toLowerCase()).sort())

it('all members differ by the same options, no two have the same values, and each is there once', () => {
  const property = fc.property(candidates, joining => {
    const { members } = run(joining).family
    expect(new Set(members.map(names)).size).toBeLessThanOrEqual(1)
    expect(new Set(members.map(folded)).size).toBe(members.length)
    expect(new Set(members.map(({ sku }) => sku)).size).toBe(members.length)
  })
  fc.assert(property, { numRuns: 500 })
})

it('who keeps the rules joins, in order; who joins again as he is changes nothing; all others are refused', () => {
  const property = fc.property(candidates, joining => {
    const expected: Member[] = []
    const outcomes = joining.map((member): Outcome => {
      const known = expected.find(({ sku }) => sku === member.sku)
      if (known) return folded(known) === folded(member) ? 'known' : 'refused'
      const fits = expected.every(other => names(other) === names(member) && folded(other) !== folded(member))
      if (fits) expected.push(member)
      return fits ? 'joined' : 'refused'
    })
    expect(run(joining)).toEqual({ family: { members: expected }, outcomes })
  })
  fc.assert(property, { numRuns: 500 })
})

it('a family has at most 100 members', () => {
  const joining = Array.from({ length: MAX_MEMBERS + 1 }, (_, index) => ({
    sku: `s${index}`,
    options: [{ name: 'size', value: String(index) }],
  }))
  expect(run(joining).outcomes.indexOf('refused')).toBe(MAX_MEMBERS)
})
