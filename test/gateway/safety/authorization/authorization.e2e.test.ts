import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startClinicGateway } from '../safety-fixture.ts'

type Clinic = Awaited<ReturnType<typeof startClinicGateway>>

let clinic: Clinic
beforeAll(async () => {
  clinic = await startClinicGateway({
    authorization: { policies: { vetted: [['vet', 'level-2']] } },
    batchesFrom: 'everybody',
  })
})
afterAll(() => clinic?.[Symbol.asyncDispose]())
beforeEach(() => void clinic.requests())

const CODE = 'UNAUTHORIZED_FIELD_OR_TYPE'
const withheld = (...path: string[]) => ({ message: expect.any(String), path, extensions: { code: CODE } })

describe('a field under @authenticated', () => {
  test('is left out for a caller without a token, and the rest answered', async () => {
    const { data, errors, status } = await clinic.send('{ motto patient(id: "1") { name diagnosis } }')
    expect(status).toBe(200)
    expect(data).toEqual({ motto: 'do no harm', patient: { name: 'P1', diagnosis: null } })
    expect(errors).toEqual([withheld('patient', 'diagnosis')])
  })

  test('is not asked of the subgraph', async () => {
    await clinic.send('{ patients { name diagnosis bills { amount } } }')
    const requests = clinic.requests()
    expect(requests).toHaveLength(1)
    expect(requests.join()).not.toMatch(/diagnosis|bills|amount/)
  })

  test('is answered for a caller with a token', async () => {
    const { data, errors } = await clinic.send('{ staffRoom }', { claims: {} })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ staffRoom: 'kettle' })
  })

  test('takes the object away with it that may not be without it, and says so once', async () => {
    const { data, errors } = await clinic.send('{ motto staffRoom }')
    expect(data).toBeNull()
    expect(errors).toEqual([withheld('staffRoom')])
  })

  test('is not reported where the caller leaves it out itself', async () => {
    const query = 'query($with: Boolean!) { patient(id: "1") { name diagnosis @include(if: $with) } }'
    const without = await clinic.send(query, { variables: { with: false } })
    expect(without.errors).toBeUndefined()
    expect(without.data).toEqual({ patient: { name: 'P1' } })
    const having = await clinic.send(query, { variables: { with: true } })
    expect(having.errors).toEqual([withheld('patient', 'diagnosis')])
  })

  test('is told with an @ for each list on the way', async () => {
    const { errors } = await clinic.send('{ all: patients { what: diagnosis } }')
    expect(errors).toEqual([withheld('all', '@', 'what')])
  })
})

describe('@requiresScopes', () => {
  const ADMIT = 'mutation { admit(name: "Bo") { name } }'

  test.each([
    ['scope', { scope: 'read write' }],
    ['scp', { scp: ['write'] }],
    ['role', { role: 'admin' }],
  ])('is met by the claim %s', async (_claim, claims) => {
    const { data, errors } = await clinic.send(ADMIT, { claims })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ admit: { name: 'Bo' } })
  })

  test('keeps a mutation from being run', async () => {
    const { data, errors } = await clinic.send(ADMIT, { claims: { scope: 'read' } })
    expect(data).toBeNull()
    expect(errors).toEqual([withheld('admit')])
    expect(clinic.requests()).toEqual([])
  })

  test('lets the other mutations be run', async () => {
    const { data } = await clinic.send('mutation { wave other: wave }')
    expect(data).toEqual({ wave: 1, other: 1 })
  })

  test('of a type guards what is selected of it, and not its neighbours in a union', async () => {
    const query =
      '{ search { __typename ... on Patient { name } ...ledger } } fragment ledger on Ledger { sum: balance }'
    const some = await clinic.send('{ search { __typename ... on Patient { name } } }')
    expect(some.data).toEqual({ search: [{ __typename: 'Patient', name: 'P1' }, { __typename: 'Ledger' }] })
    const refused = await clinic.send(query, { claims: { scope: 'books' } })
    expect(refused.errors).toEqual([withheld('search', '@', 'sum')])
    expect(JSON.stringify(refused.data)).not.toContain('7')
    const granted = await clinic.send(query, { claims: { scope: 'books read' } })
    expect(granted.data).toEqual({
      search: [
        { __typename: 'Patient', name: 'P1' },
        { __typename: 'Ledger', sum: 7 },
      ],
    })
  })
})

describe('@policy', () => {
  const QUERY = '{ patient(id: "2") { secretId } }'

  test('is met by a claim that names it', async () => {
    const { data } = await clinic.send(QUERY, { claims: { policies: ['vetted'] } })
    expect(data).toEqual({ patient: { secretId: 's2' } })
  })

  test('is met by the scopes that the settings name', async () => {
    expect((await clinic.send(QUERY, { claims: { scope: 'vet level-2' } })).errors).toBeUndefined()
    expect((await clinic.send(QUERY, { claims: { scope: 'vet' } })).errors).toEqual([
      withheld('patient', 'secretId'),
    ])
  })

  test('is met by nobody else', async () => {
    const { data, errors } = await clinic.send(QUERY, { claims: { scope: 'vetted' } })
    expect(data).toEqual({ patient: null })
    expect(errors).toEqual([withheld('patient', 'secretId')])
  })
})

describe('an operation that callers see different parts of', () => {
  const QUERY = '{ patients { id name bills { amount } secretId @include(if: false) } }'

  test('never gives one what another may see', async () => {
    const bills = { claims: { scope: 'billing' } }
    for (let round = 0; round < 2; round++) {
      const seen = await clinic.send(QUERY, bills)
      expect(seen.errors).toBeUndefined()
      expect(JSON.stringify(seen.data)).toContain('amount')
      const unseen = await clinic.send(QUERY, { claims: { scope: 'other' } })
      expect(unseen.data).toBeNull() // no item, and so no list, may be without its bills
      expect(unseen.errors).toEqual([withheld('patients', '@', 'bills')])
    }
  })

  test('is not mixed up in one batch', async () => {
    const response = await clinic.post([
      { query: '{ patient(id: "1") { diagnosis } }' },
      { query: '{ motto }' },
    ])
    expect(JSON.parse(await response.text())).toEqual([
      { data: { patient: { diagnosis: null } }, errors: [withheld('patient', 'diagnosis')] },
      { data: { motto: 'do no harm' } },
    ])
  })
})

test('a key that the gateway fetches for itself does not show where it is withheld', async () => {
  const { data, errors } = await clinic.send('{ room { code price } }')
  expect(clinic.requests().join()).toMatch(/code/)
  expect(data).toEqual({ room: { code: null, price: 40 } })
  expect(errors).toEqual([withheld('room', 'code')])
})

test('in the mode reject nothing of the operation is run', async () => {
  await using strict = await startClinicGateway({ authorization: { mode: 'reject' } })
  const { data, errors, status } = await strict.send('{ motto patient(id: "1") { diagnosis } }')
  expect({ data, status }).toEqual({ data: undefined, status: 200 })
  expect(errors).toEqual([withheld('patient', 'diagnosis')])
  expect(strict.requests()).toEqual([])
  expect((await strict.send('{ motto }')).data).toEqual({ motto: 'do no harm' })
})

test('a token without a role of ours is one like any other', async () => {
  const { errors } = await clinic.send('{ staffRoom }', { claims: { role: 'janitor' } })
  expect(errors).toBeUndefined()
})
