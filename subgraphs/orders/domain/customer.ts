// Defines a customer's profile: its events, its state, and the decision to register or change it.
import { accept, type Decision } from '#platform/domain/decision.ts'

type Profile = {
  readonly customerId: string
  readonly name: string
  readonly email: string
  readonly at: string
}

export type CustomerEvent =
  | { readonly type: 'CustomerRegistered'; readonly data: Profile }
  | { readonly type: 'CustomerChanged'; readonly data: Profile }

/** A registered customer is plain JSON, and the read model's document as it is. */
export type RegisteredCustomer = {
  readonly status: 'REGISTERED'
  readonly id: string
  readonly name: string
  readonly email: string
  readonly registeredAt: string
}
export type Customer = { readonly status: 'ABSENT' } | RegisteredCustomer

export const absent: Customer = { status: 'ABSENT' }

export function evolve(customer: Customer, event: CustomerEvent): Customer {
  const { customerId: id, name, email, at } = event.data
  switch (event.type) {
    case 'CustomerRegistered':
      return { status: 'REGISTERED', id, name, email, registeredAt: at }
    case 'CustomerChanged':
      return customer.status === 'ABSENT' ? customer : { ...customer, name, email }
  }
}

/** Registering again with other data changes the profile; with the same data it changes nothing. */
export function register(customer: Customer, profile: Profile): Decision<CustomerEvent, never> {
  if (customer.status === 'ABSENT') return accept({ type: 'CustomerRegistered', data: profile })
  if (customer.name === profile.name && customer.email === profile.email) return accept()
  return accept({ type: 'CustomerChanged', data: profile })
}
