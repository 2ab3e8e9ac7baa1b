// Compares random operations on our gateway with stock @apollo/gateway and with one schema that holds everything.
// FUZZ_RUNS and FUZZ_SEED set the number of operations per supergraph and the seed; FUZZ_SHOW prints differences.
// FUZZ_STOCK=0 leaves the stock gateway out, which takes most of the time.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answered } from '#test/gateway/conformance/in-process-federation.ts'
import { type Comparison, compare } from '#test/gateway/differential/compared-gateways.ts'
import { operationOf } from '#test/gateway/differential/random-operations.ts'
import { explained, withoutHidden } from '#test/gateway/differential/response-comparison.ts'
import { CASES } from '#test/gateway/differential/supergraphs.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 100)
/** `npm test` always uses this seed, so that its result does not change between runs. */
const USUAL_SEED = 20_261_121
const RANDOM_SEED = Math.floor(Math.random() * 1_000_000)
const SEED = Number(process.env.FUZZ_SEED ?? (process.env.FUZZ_RUNS ? RANDOM_SEED : USUAL_SEED))
const LONG = 3_600_000

/** The least share of operations on which both gateways must agree. */
const MOST = 0.6

/** The gateway refuses a few operations with this message rather than answer them wrongly. */
const REFUSAL = /^The operation cannot be planned/
const MOST_REFUSED = 0.005
/** No request could separate these selections. */
const DECIDED_REFUSAL = /is selected with different directives: give each an alias/

const tape = fc.array(fc.nat(1000), { minLength: 5, maxLength: 120, size: 'max' })
const faults = fc.record({ seed: fc.nat(1000), every: fc.constantFrom(0, 40, 12, 6) })

/**
 * Says why the stock gateway's response differs from the specification, which ours follows. Without a plan: "We should
 * have an edge … for __typename", of an object that stands for an interface. Other data: a condition that goes with a
 * neighbour's, a field of which all is skipped, an alias like a key's name, which it checks by the key's type.
 * Other places of errors: those of entities are counted without the objects that were not asked for; and a value that its
 * type does not allow is told only when there is no other error.
 */
function stockDiffers(theirs: Answered | string, ours: Answered): string | undefined {
  if (typeof theirs === 'string') return 'it has no plan'
  if (!isDeepStrictEqual(theirs.data, ours.data)) return 'other data'
  return isDeepStrictEqual(explained(theirs), explained(ours)) ? undefined : 'other places of errors'
}

describe.each(Object.entries(CASES))('random operations over %s', (_, testCase) => {
  let comparison: Comparison
  beforeAll(async () => {
    comparison = await compare(testCase)
  })
  afterAll(() => comparison[Symbol.asyncDispose]())

  test(
    `are answered as the specification says, and as the stock gateway answers where it does so (seed ${SEED})`,
    async () => {
      const { ours, stock, single, schema } = comparison
      const differences: Record<string, number> = {}
      let asked = 0
      let refused = 0
      const property = fc.asyncProperty(tape, faults, async (numbers, fault) => {
        const operation = operationOf(schema, numbers)
        fc.pre(operation !== undefined)
        const answer = await ours(operation, fault)
        const right = withoutHidden(await single(operation, fault))
        const context = () =>
          JSON.stringify({ ...operation, fault, ours: answer.errors, single: right.errors }, null, 1)
        asked += 1
        if (answer.errors?.some(({ message }) => DECIDED_REFUSAL.test(message))) return
        if (answer.errors?.some(({ message }) => REFUSAL.test(message))) {
          refused += 1
          show('refused', operation.query)
          return
        }
        expect(answer.data, context()).toEqual(right.data)
        expect(JSON.stringify(answer.data), 'the order of keys').toBe(JSON.stringify(right.data))
        expect(explained(answer), context()).toEqual(explained(right))
        if (process.env.FUZZ_STOCK === '0') return
        const theirs = await stock(operation, fault).then(withoutHidden, String)
        const difference = stockDiffers(theirs, answer)
        if (difference === undefined) return
        differences[difference] = (differences[difference] ?? 0) + 1
        show(difference, operation.query, operation.variables, fault, theirs)
      })
      await fc.assert(property, { numRuns: RUNS, seed: SEED })
      if (process.env.FUZZ_RUNS) console.log({ asked, refused, differences })
      expect(refused / asked).toBeLessThan(MOST_REFUSED)
      const different = Object.values(differences).reduce((sum, count) => sum + count, 0)
      expect(different / asked, JSON.stringify(differences)).toBeLessThan(1 - MOST)
    },
    LONG,
  )
})

function show(...told: readonly unknown[]): void {
  if (process.env.FUZZ_SHOW)
    console.log(...told.map(one => (typeof one === 'string' ? one : JSON.stringify(one))))
}
