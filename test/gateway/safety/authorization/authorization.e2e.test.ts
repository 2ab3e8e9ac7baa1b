import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startClinicGateway } from '../safety-fixture.ts'

type Gateway = Awaited<ReturnType<typeof startClinicGateway>>

let gateway: Gateway
beforeAll(async () => {
  gateway = await startClinicGateway({
    authorization: { policies: { vetted: [['vet', 'level-2']] } },
    batchesFrom: 'everybody',
  })
})
afterAll(() => gateway?.[Symbol.asyncDispose]())
beforeEach(() => void gateway.requests())

const CODE = 'UNAUTHORIZED_FIELD_OR_TYPE'
const withheld = (...path: string[]) => ({ message: expect.any(String), path, extensions: { code: CODE } })

describe('a field under @authenticated', () => {
  test('is null for a caller without a token, and the rest is answered', async () => {
    const { data, errors, status } = await gateway.send('{ motto patient(id: "1") { name diagnosis } }')
    expect(status).toBe(200)
    expect(data).toEqual({ motto: 'do no harm', patient: { name: 'P1', diagnosis: null } })
    expect(errors).toEqual([withheld('patient', 'diagnosis')])
  })

  test('is not fetched from the subgraph', async () => {
    await gateway.send('{ patients { name diagnosis bills { amount } } }')
    const requests = gateway.requests()
    expect(requests).toHaveLength(1)
    expect(requests.join()).not.toMatch(/diagnosis|bills|amount/)
  })

  test('is answered for a caller with a token', async () => {
    const { data, errors } = await gateway.send('{ staffRoom }', { claims: {} })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ staffRoom: 'kettle' })
  })

  test('nulls the parent when the field is non-null, and reports one error', async () => {
    const { data, errors } = await gateway.send('{ motto staffRoom }')
    expect(data).toBeNull()
    expect(errors).toEqual([withheld('staffRoom')])
  })

  test('is not reported when the caller skips it', async () => {
    const query = 'query($with: Boolean!) { patient(id: "1") { name diagnosis @include(if: $with) } }'
    const without = await gateway.send(query, { variables: { with: false } })
    expect(without.errors).toBeUndefined()
    expect(without.data).toEqual({ patient: { name: 'P1' } })
    const having = await gateway.send(query, { variables: { with: true } })
    expect(having.errors).toEqual([withheld('patient', 'diagnosis')])
  })

  test('is reported with an @ in its path for each list', async () => {
    const { errors } = await gateway.send('{ all: patients { what: diagnosis } }')
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
    const { data, errors } = await gateway.send(ADMIT, { claims })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ admit: { name: 'Bo' } })
  })

  test('stops a mutation from running', async () => {
    const { data, errors } = await gateway.send(ADMIT, { claims: { scope: 'read' } })
    expect(data).toBeNull()
    expect(errors).toEqual([withheld('admit')])
    expect(gateway.requests()).toEqual([])
  })

  test('lets the other mutations of an operation run', async () => {
    const { data } = await gateway.send('mutation { wave other: wave }')
    expect(data).toEqual({ wave: 1, other: 1 })
  })

  test('guards the fields of an annotated type, and not those of other members of a union', async () => {
    const query =
      '{ search { __typename ... on Patient { name } ...ledger } } fragment ledger on Ledger { sum: balance }'
    const some = await gateway.send('{ search { __typename ... on Patient { name } } }')
    expect(some.data).toEqual({ search: [{ __typename: 'Patient', name: 'P1' }, { __typename: 'Ledger' }] })
    const refused = await gateway.send(query, { claims: { scope: 'books' } })
    expect(refused.errors).toEqual([withheld('search', '@', 'sum')])
    expect(JSON.stringify(refused.data)).not.toContain('7')
    const granted = await gateway.send(query, { claims: { scope: 'books read' } })
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
    const { data } = await gateway.send(QUERY, { claims: { policies: ['vetted'] } })
    expect(data).toEqual({ patient: { secretId: 's2' } })
  })

  test('is met by the scopes that the settings name', async () => {
    expect((await gateway.send(QUERY, { claims: { scope: 'vet level-2' } })).errors).toBeUndefined()
    expect((await gateway.send(QUERY, { claims: { scope: 'vet' } })).errors).toEqual([
      withheld('patient', 'secretId'),
    ])
  })

  test('is not met by a scope of the same name', async () => {
    const { data, errors } = await gateway.send(QUERY, { claims: { scope: 'vetted' } })
    expect(data).toEqual({ patient: null })
    expect(errors).toEqual([withheld('patient', 'secretId')])
  })
})

describe('an operation that callers may see different parts of', () => {
  const QUERY = '{ patients { id name bills { amount } secretId @include(if: false) } }'

  test('never returns to one caller what only another may see', async () => {
    const bills = { claims: { scope: 'billing' } }
    for (let round = 0; round < 2; round++) {
      const seen = await gateway.send(QUERY, bills)
      expect(seen.errors).toBeUndefined()
      expect(JSON.stringify(seen.data)).toContain('amount')
      const unseen = await gateway.send(QUERY, { claims: { scope: 'other' } })
      expect(unseen.data).toBeNull() // no item, and so no list, may be without its bills
      expect(unseen.errors).toEqual([withheld('patients', '@', 'bills')])
    }
  })

  test('is filtered in a batch without effect on the other operations', async () => {
    const response = await gateway.post([
      { query: '{ patient(id: "1") { diagnosis } }' },
      { query: '{ motto }' },
    ])
    expect(JSON.parse(await response.text())).toEqual([
      { data: { patient: { diagnosis: null } }, errors: [withheld('patient', 'diagnosis')] },
      { data: { motto: 'do no harm' } },
    ])
  })
})

test('a withheld key that the gateway fetches for itself is not in the response', async () => {
  const { data, errors } = await gateway.send('{ room { code price } }')
  expect(gateway.requests().join()).toMatch(/code/)
  expect(data).toEqual({ room: { code: null, price: 40 } })
  expect(errors).toEqual([withheld('room', 'code')])
})

test('the mode `reject` refuses the operation as a whole', async () => {
  await using strict = await startClinicGateway({ authorization: { mode: 'reject' } })
  const { data, errors, status } = await strict.send('{ motto patient(id: "1") { diagnosis } }')
  expect({ data, status }).toEqual({ data: undefined, status: 200 })
  expect(errors).toEqual([withheld('patient', 'diagnosis')])
  expect(strict.requests()).toEqual([])
  expect((await strict.send('{ motto }')).data).toEqual({ motto: 'do no harm' })
})

test('a valid token with a role that Waybill does not know is authenticated', async () => {
  const { errors } = await gateway.send('{ staffRoom }', { claims: { role: 'janitor' } })
  expect(errors).toBeUndefined()
})
