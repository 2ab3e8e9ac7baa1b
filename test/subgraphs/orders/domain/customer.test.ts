// Tests the customer's profile: registering, and registering again.
import { expect, test } from 'vitest'
import { absent, type Customer, evolve, register } from '#subgraphs/orders/domain/customer.ts'
import { AT, CUSTOMER_ID } from '#test/subgraphs/orders/domain/order-fixture.ts'

const ada = { customerId: CUSTOMER_ID, name: 'Ada Byron', email: 'ada@example.com', at: AT }

function after(customer: Customer, profile: typeof ada): Customer {
  const decision = register(customer, profile)
  return 'accepted' in decision ? decision.accepted.reduce(evolve, customer) : customer
}

test('a customer is registered with a name and an e-mail address', () => {
  expect(after(absent, ada)).toEqual({
    status: 'REGISTERED',
    id: CUSTOMER_ID,
    name: 'Ada Byron',
    email: 'ada@example.com',
    registeredAt: AT,
  })
})

test('registering twice with the same data records nothing', () => {
  expect(register(after(absent, ada), ada)).toEqual({ accepted: [] })
})

test('registering again with other data changes the profile and keeps the day of registration', () => {
  const married = { ...ada, name: 'Ada Lovelace', at: '2026-04-01T00:00:00.000Z' }
  expect(after(after(absent, ada), married)).toMatchObject({ name: 'Ada Lovelace', registeredAt: AT })
})
