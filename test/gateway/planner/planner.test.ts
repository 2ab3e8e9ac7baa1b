import { afterAll, describe, expect, test } from 'vitest'
import { startPlanner } from '#gateway/planner/planner.ts'
import { composed, FEDERATION_2, UNPLANNABLE } from '#test/gateway/conformance/in-process-federation.ts'

const BREAKS = '{ warehouses { items { hint } } }'

const planner = await startPlanner(composed(UNPLANNABLE))
afterAll(() => planner[Symbol.asyncDispose]())

describe('an operation that crashes the planner', () => {
  test('cannot be planned, while others are, including those that waited behind it', async () => {
    const [broken, ...others] = await Promise.all([
      planner.planWithHive(BREAKS, undefined),
      planner.planWithHive('{ warehouses { id } }', undefined),
      planner.planWithHive('{ products { weight } }', undefined),
    ])
    expect(broken).toEqual({
      refusal: expect.stringMatching(/^the planner crashed on the operation \(.*panicked/),
    })
    expect(others).toMatchObject([{ node: { kind: 'Fetch' } }, { node: { kind: 'Fetch' } }])
    expect(await planner.planWithHive('{ products { sku } }', undefined)).toMatchObject({
      node: { kind: 'Fetch' },
    })
  })

  test('is refused every time, and is soon no longer tried', async () => {
    for (let turn = 0; turn < 20; turn++)
      expect(await planner.planWithHive(BREAKS, undefined)).toEqual({
        refusal: expect.stringMatching('the planner crashed on the operation'),
      })
    expect(await planner.planWithHive('{ products { sku } }', undefined)).toHaveProperty('node')
  })

  test("gets a plan from Apollo's planner, with a flaw where that plan misses a required field", async () => {
    const flaw = 'stock is asked for Product.delivery without what it requires'
    expect(await planner.planWithApollo(BREAKS, undefined)).toMatchObject({
      node: { kind: 'Sequence' },
      flaw,
    })
    const right = await planner.planWithApollo('{ warehouses { items { delivery } } }', undefined)
    expect(right).toMatchObject({ node: { kind: 'Sequence' }, flaw: undefined })
  })
})

test.each(['planWithHive', 'planWithApollo'] as const)(
  '%s returns the reason when there is no plan',
  async by => {
    expect(await planner[by]('{ nothing }', undefined)).toEqual({ refusal: expect.stringMatching(/nothing/) })
  },
)

test('a supergraph that the planner cannot read is refused with the reason', async () => {
  await expect(startPlanner('type Query { a: Int')).rejects.toThrow(/parse/i)
})

test('a closed planner rejects running and new calls', async () => {
  const closing = await startPlanner(composed({ one: { sdl: `${FEDERATION_2} type Query { a: Int }` } }))
  const asked = closing.planWithHive('{ a }', undefined)
  await closing[Symbol.asyncDispose]()
  await expect(asked).rejects.toThrow('the planner is closed')
  await expect(closing.planWithHive('{ a }', undefined)).rejects.toThrow('the planner is closed')
})
