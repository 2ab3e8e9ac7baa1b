// Turns what a payment wants into one call to the provider, and the provider's answer into the domain's. Free of storage.
import type { Answer } from '#subgraphs/payment/domain/answers.ts'
import { type Operation, operationKey } from '#subgraphs/payment/domain/outstanding.ts'
import type { PaymentProvider } from './provider/payment-provider.ts'

/** Throws CallerError UNAVAILABLE when the answer is not known; asking again has no second effect. */
export async function ask(
  provider: PaymentProvider,
  paymentId: string,
  operation: Operation,
): Promise<Answer> {
  const { tenderId } = operation
  const named = { idempotencyKey: operationKey(paymentId, operation), reference: paymentId, tenderId }
  switch (operation.kind) {
    case 'authorise': {
      const { tenderKind: kind, token, amount } = operation
      return { to: 'authorise', tenderId, said: await provider.authorise({ ...named, kind, token, amount }) }
    }
    case 'capture':
    case 'refund': {
      const { kind, moveId, amount } = operation
      const said = await provider[kind]({ ...named, amount })
      return { to: kind, moveId, tenderId, said }
    }
    case 'void':
      await provider.void(named)
      return { to: 'void', tenderId }
    case 'void-late':
      await provider.void({ ...named, providerRef: operation.providerRef })
      return { to: 'void-late', tenderId, providerRef: operation.providerRef }
  }
}
