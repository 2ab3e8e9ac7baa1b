// Types the dependencies of payment's commands.
import type { PaymentProvider } from '#subgraphs/payment/adapters/payment-provider.ts'
import type { PaymentRepository } from '#subgraphs/payment/domain/aggregate.ts'

export type CommandDependencies = {
  readonly repository: PaymentRepository
  readonly provider: PaymentProvider
  readonly now: () => Date
  /** The position of the newest event: what a repeated command's caller has to have seen. */
  readonly head: () => Promise<number>
}
