// Opens payments on a real store and a real sandbox ledger for tests, and reopens them on the same database.
import { newId } from '#platform/domain/ids.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import type { SandboxProvider } from '#subgraphs/payment/adapters/payment-provider.sandbox.ts'
import type { PaymentProvider } from '#subgraphs/payment/adapters/payment-provider.ts'
import { type AuthorisePayment, createPayments, type Payments } from '#subgraphs/payment/commands/payments.ts'
import { paymentAggregate } from '#subgraphs/payment/domain/aggregate.ts'
import { countingReads } from '#test/fixtures/counting-reads.ts'
import { openSandbox } from '../adapters/sandbox-fixture.ts'

export type PaymentsFixture = AsyncDisposable & {
  readonly payments: Payments
  readonly sandbox: SandboxProvider
  /** The operations that the provider was asked for, in order. */
  readonly asked: string[]
  /** Types of the payment's events. */
  history(paymentId: string): Promise<string[]>
  raw(paymentId: string): Promise<string>
  head(): Promise<number>
  /** How often streams, snapshots and commands were read. */
  readonly reads: () => number
}

/** `between` wraps the provider: what it does happens between the service and the sandbox. */
export async function openPaymentsFixture(
  databaseUrl: string,
  between: (sandbox: PaymentProvider) => PaymentProvider = sandbox => sandbox,
): Promise<PaymentsFixture> {
  const open = new AsyncDisposableStack()
  const store = open.use(await openPostgresEventStore({ url: databaseUrl }))
  const sandbox = open.use(await openSandbox({ databaseUrl }))
  const { store: counted, reads } = countingReads(store)
  const repository = createRepository(counted, paymentAggregate)
  const asked: string[] = []
  const provider = counting(between(sandbox), asked)
  const payments = createPayments({ repository, provider, now: () => new Date(), head: () => store.head() })
  return {
    payments,
    sandbox,
    asked,
    async history(paymentId) {
      return (await repository.history(paymentId)).map(({ event }) => event.type)
    },
    async raw(paymentId) {
      return JSON.stringify(await store.readStream(`payment-${paymentId}`))
    },
    head: () => store.head(),
    reads,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function counting(provider: PaymentProvider, asked: string[]): PaymentProvider {
  const noted = <T>(operation: string, answer: Promise<T>): Promise<T> => {
    asked.push(operation)
    return answer
  }
  return {
    authorise: call => noted('authorise', provider.authorise(call)),
    capture: call => noted('capture', provider.capture(call)),
    refund: call => noted('refund', provider.refund(call)),
    void: call => noted('void', provider.void(call)),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  }
}

/** A command context under a key of its own, or the one given. */
export function commandWithKey(key: string, body: CommandContext['body'] = {}): CommandContext {
  return { key: `service:test:${key}`, body, meta: { actor: 'service:orders' } }
}

export function euros(minor: number) {
  return { minor, currency: 'EUR' }
}

/** An order paid by one card, unless other tenders are given as [token, minor]. */
export function orderOf(...tenders: [token: string, minor: number][]): AuthorisePayment {
  const given: [string, number][] = tenders.length > 0 ? tenders : [['tok_approve', 10_000]]
  return {
    orderId: newId('order'),
    customerId: newId('customer'),
    amount: euros(given.reduce((sum, [, minor]) => sum + minor, 0)),
    tenders: given.map(([token, minor]) => ({
      kind: token.startsWith('vch_') ? 'VOUCHER' : token.startsWith('slip_') ? 'BANK_SLIP' : 'CARD',
      token,
      amount: euros(minor),
    })),
  }
}
