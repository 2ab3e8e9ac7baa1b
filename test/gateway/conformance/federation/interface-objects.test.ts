// Tests interface objects that require fields of other subgraphs, for each type of the interface.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly tag: string }
const BEASTS: Readonly<Record<string, object>> = {
  b1: { __typename: 'Owl', tag: 'b1', weight: 10, span: 2 },
  b2: { __typename: 'Fox', tag: 'b2', weight: 20 },
}
const whole = ({ tag }: Ref) => BEASTS[tag]

const zoo = await federate({
  zoo: {
    sdl: `${FEDERATION_2}
      type Query { fox: Beast all: [Beast] }
      interface Beast @key(fields: "tag") { tag: ID! weight: Int }
      type Owl implements Beast @key(fields: "tag") { tag: ID! weight: Int span: Int }
      type Fox implements Beast @key(fields: "tag") { tag: ID! weight: Int }`,
    resolvers: {
      Query: { fox: () => BEASTS.b2, all: () => Object.values(BEASTS) },
      Beast: { __resolveReference: whole },
      Owl: { __resolveReference: whole },
      Fox: { __resolveReference: whole },
    },
  },
  vet: {
    sdl: `${FEDERATION_2}
      type Query { patients: [Beast] }
      type Beast @key(fields: "tag") @interfaceObject {
        tag: ID! weight: Int @external dose: Int @requires(fields: "weight") mate: Beast label: String
      }`,
    resolvers: {
      Query: { patients: () => [{ tag: 'b2' }, { tag: 'b1' }] },
      Beast: {
        __resolveReference: (given: object) => given,
        dose: ({ weight }: { weight: number }) => weight * 3,
        mate: ({ tag }: Ref) => ({ tag }),
        label: ({ tag }: Ref) => `L${tag}`,
      },
    },
  },
})
afterAll(() => zoo[Symbol.asyncDispose]())

describe('a field of an interface object is correct for each type, with and without @requires', () => {
  test.each([
    ['{ fox { label ... on Owl { dose } mate { dose } } }', { fox: { label: 'Lb2', mate: { dose: 60 } } }],
    [
      '{ all { label ... on Owl { dose } mate { dose } } }',
      {
        all: [
          { label: 'Lb1', dose: 30, mate: { dose: 30 } },
          { label: 'Lb2', mate: { dose: 60 } },
        ],
      },
    ],
    [
      '{ all { ... on Owl { dose } mate { dose } } }',
      { all: [{ dose: 30, mate: { dose: 30 } }, { mate: { dose: 60 } }] },
    ],
    [
      '{ all { ... on Owl { dose } ... on Fox { mate { dose } } } }',
      { all: [{ dose: 30 }, { mate: { dose: 60 } }] },
    ],
    ['{ fox { label mate { dose } } }', { fox: { label: 'Lb2', mate: { dose: 60 } } }],
    ['{ all { ... on Owl { x: dose } ... on Fox { x: weight } } }', { all: [{ x: 30 }, { x: 20 }] }],
    [
      '{ patients { ... on Owl { span dose } tag } }',
      { patients: [{ tag: 'b2' }, { span: 2, dose: 30, tag: 'b1' }] },
    ],
    [
      '{ patients { __typename mate { __typename ... on Fox { dose } } } }',
      {
        patients: [
          { __typename: 'Fox', mate: { __typename: 'Fox', dose: 60 } },
          { __typename: 'Owl', mate: { __typename: 'Owl' } },
        ],
      },
    ],
  ])('%s', async (query, answer) => {
    const { data, errors } = await zoo.ask(query)
    expect(errors).toBeUndefined()
    expect(data).toEqual(answer)
  })

  test('is correct under conditions', async () => {
    const query =
      'query ($a: Boolean!, $b: Boolean!) { all { label @skip(if: $a) ... on Owl { dose @include(if: $b) } mate { dose } } }'
    for (const a of [true, false])
      for (const b of [true, false]) {
        const { data, errors } = await zoo.ask(query, { a, b })
        expect(errors).toBeUndefined()
        expect(data).toEqual({
          all: [
            { ...(!a && { label: 'Lb1' }), ...(b && { dose: 30 }), mate: { dose: 30 } },
            { ...(!a && { label: 'Lb2' }), mate: { dose: 60 } },
          ],
        })
      }
  })
})
