import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startClinicGateway } from '../safety-fixture.ts'

type Gateway = Awaited<ReturnType<typeof startClinicGateway>>

let gateway: Gateway
beforeAll(async () => {
  gateway = await startClinicGateway({ cost: { maximum: 20 } })
})
afterAll(() => gateway?.[Symbol.asyncDispose]())

const ASKED = { headers: { 'graphql-cost': 'estimate' } }

describe('with a maximum cost', () => {
  test('an operation that may cost more is refused before anything is fetched', async () => {
    const { status, data, errors } = await gateway.send('{ patients(first: 21) { name } }', {
      headers: { accept: 'application/graphql-response+json' },
    })
    expect({ status, data }).toEqual({ status: 400, data: undefined })
    expect(errors).toEqual([
      {
        message: 'The operation may cost 21; at most 20 is allowed.',
        extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', estimated: 21, maximum: 20 },
      },
    ])
    expect(gateway.requests()).toEqual([])
  })

  test('an operation that costs exactly the maximum is run', async () => {
    const { data } = await gateway.send('query($n: Int) { patients(first: $n) { name } }', {
      variables: { n: 20 },
    })
    expect(data).toMatchObject({ patients: [{ name: 'P1' }, {}, {}] })
  })

  test('a list that requires one slicing argument is refused without it', async () => {
    const { errors } = await gateway.send('{ paged { items { name } } }')
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining('paged should be given exactly one of first, last'),
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ])
    expect((await gateway.send('{ paged(first: 2) { total } }')).errors).toBeUndefined()
  })

  test('withheld fields cost nothing', async () => {
    const query = '{ patients(first: 4) { name bills { amount } } }'
    const withheld = await gateway.send(query, ASKED)
    expect(withheld.extensions).toEqual({ cost: { estimated: 4, maximum: 20 } })
    const seen = await gateway.send(query, { ...ASKED, claims: { scope: 'billing' } })
    expect(seen.extensions).toEqual({ cost: { estimated: 4 * (1 + 10 * 4), maximum: 20 } })
    expect(seen.errors).toMatchObject([{ extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE' } }])
  })
})

describe('the cost estimate', () => {
  test('is in the response to a caller who asks for it', async () => {
    expect((await gateway.send('{ motto }')).extensions).toBeUndefined()
    const asked = await gateway.send('{ motto patient(id: "1") { debt } }', ASKED)
    expect(asked.errors).toBeUndefined()
    expect(asked.extensions).toEqual({ cost: { estimated: 1 + 5, maximum: 20 } })
  })

  test('is in the response next to errors, too', async () => {
    const { errors, extensions } = await gateway.send('{ patient(id: "1") { diagnosis } }', ASKED)
    expect(errors).toHaveLength(1)
    expect(extensions).toEqual({ cost: { estimated: 1, maximum: 20 } })
  })

  test('is in every response or in none as configured, and refuses nothing without a maximum', async () => {
    await using always = await startClinicGateway({ cost: { report: 'always', listSize: 1000 } })
    const { data, extensions } = await always.send('{ search { __typename } paged { total } }')
    expect(extensions).toEqual({ cost: { estimated: 1001 } })
    expect(data).toMatchObject({ paged: { total: 3 } })
    await using never = await startClinicGateway({ cost: { report: 'never' } })
    expect((await never.send('{ motto }', ASKED)).extensions).toBeUndefined()
  })
})
