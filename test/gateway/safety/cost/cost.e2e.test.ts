import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startClinicGateway } from '../safety-fixture.ts'

type Clinic = Awaited<ReturnType<typeof startClinicGateway>>

let clinic: Clinic
beforeAll(async () => {
  clinic = await startClinicGateway({ cost: { maximum: 20 } })
})
afterAll(() => clinic?.[Symbol.asyncDispose]())

const ASKED = { headers: { 'graphql-cost': 'estimate' } }

describe('with a maximum', () => {
  test('an operation that may cost more is refused before anything is fetched', async () => {
    const { status, data, errors } = await clinic.send('{ patients(first: 21) { name } }', {
      headers: { accept: 'application/graphql-response+json' },
    })
    expect({ status, data }).toEqual({ status: 400, data: undefined })
    expect(errors).toEqual([
      {
        message: 'The operation may cost 21; at most 20 is allowed.',
        extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', estimated: 21, maximum: 20 },
      },
    ])
    expect(clinic.requests()).toEqual([])
  })

  test('one that costs just as much is run', async () => {
    const { data } = await clinic.send('query($n: Int) { patients(first: $n) { name } }', {
      variables: { n: 20 },
    })
    expect(data).toMatchObject({ patients: [{ name: 'P1' }, {}, {}] })
  })

  test('a list that demands its one slicing argument is not run without', async () => {
    const { errors } = await clinic.send('{ paged { items { name } } }')
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining('paged should be given exactly one of first, last'),
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ])
    expect((await clinic.send('{ paged(first: 2) { total } }')).errors).toBeUndefined()
  })

  test('what is withheld costs nothing', async () => {
    const query = '{ patients(first: 4) { name bills { amount } } }'
    const withheld = await clinic.send(query, ASKED)
    expect(withheld.extensions).toEqual({ cost: { estimated: 4, maximum: 20 } })
    const seen = await clinic.send(query, { ...ASKED, claims: { scope: 'billing' } })
    expect(seen.extensions).toEqual({ cost: { estimated: 4 * (1 + 10 * 4), maximum: 20 } })
    expect(seen.errors).toMatchObject([{ extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE' } }])
  })
})

describe('the estimate', () => {
  test('is in the answer of whoever asks for it', async () => {
    expect((await clinic.send('{ motto }')).extensions).toBeUndefined()
    const asked = await clinic.send('{ motto patient(id: "1") { debt } }', ASKED)
    expect(asked.errors).toBeUndefined()
    expect(asked.extensions).toEqual({ cost: { estimated: 1 + 5, maximum: 20 } })
  })

  test('is beside errors, too', async () => {
    const { errors, extensions } = await clinic.send('{ patient(id: "1") { diagnosis } }', ASKED)
    expect(errors).toHaveLength(1)
    expect(extensions).toEqual({ cost: { estimated: 1, maximum: 20 } })
  })

  test('is in every answer, or in none, as the settings say; nothing is refused without a maximum', async () => {
    await using always = await startClinicGateway({ cost: { report: 'always', listSize: 1000 } })
    const { data, extensions } = await always.send('{ search { __typename } paged { total } }')
    expect(extensions).toEqual({ cost: { estimated: 1001 } })
    expect(data).toMatchObject({ paged: { total: 3 } })
    await using never = await startClinicGateway({ cost: { report: 'never' } })
    expect((await never.send('{ motto }', ASKED)).extensions).toBeUndefined()
  })
})
