// Random operations through our gateway, through stock @apollo/gateway, and against one schema that holds everything.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explained } from '#test/gateway/differential/compare.ts'
import { operationOf } from '#test/gateway/differential/operations.ts'
import { TERRAINS } from '#test/gateway/differential/supergraphs.ts'
import { type Comparison, compare } from '#test/gateway/differential/terrain.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 60)
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000))
const LONG = 3_600_000

/** Shares of the operations. */
const MOST = 0.75
const FEW = 0.02

const tape = fc.array(fc.nat(1000), { minLength: 5, maxLength: 120, size: 'max' })
const faults = fc.record({ seed: fc.nat(1000), every: fc.constantFrom(0, 40, 12, 6) })

describe.each(Object.entries(TERRAINS))('random operations over %s', (_, terrain) => {
  let comparison: Comparison
  beforeAll(async () => {
    comparison = await compare(terrain)
  })
  afterAll(() => comparison[Symbol.asyncDispose]())

  test(
    `are answered as the specification says, and as the stock gateway answers where it does so (seed ${SEED})`,
    async () => {
      const { ours, stock, single, schema, unplanned } = comparison
      const differences: string[] = []
      let asked = 0
      const property = fc.asyncProperty(tape, faults, async (numbers, fault) => {
        const operation = operationOf(schema, numbers)
        fc.pre(operation !== undefined)
        const answer = await ours(operation, fault)
        fc.pre(answer !== undefined)
        const right = await single(operation, fault)
        const context = JSON.stringify(
          { ...operation, fault, ours: answer.errors, single: right.errors },
          null,
          1,
        )
        expect(answer.data, context).toEqual(right.data)
        expect(explained(answer), context).toEqual(explained(right))
        asked += 1
        const theirs = await stock(operation, fault).catch(String)
        const same =
          typeof theirs === 'object' &&
          JSON.stringify([theirs.data, explained(theirs)]) ===
            JSON.stringify([answer.data, explained(answer)])
        if (!same)
          differences.push(`${operation.query} ${JSON.stringify([operation.variables, fault, theirs])}`)
      })
      await fc.assert(property, { numRuns: RUNS, seed: SEED })
      if (process.env.FUZZ_RUNS)
        console.log({ asked, differences: differences.length, unplanned: unplanned.length })
      if (process.env.FUZZ_SHOW) for (const one of [...differences, ...unplanned]) console.log('DIFF', one)
      expect(differences.length / asked).toBeLessThan(1 - MOST)
      expect(unplanned.length / asked).toBeLessThan(FEW)
    },
    LONG,
  )
})
