// Sends one outstanding operation of a payment to the provider, and maps the response to the domain's.

import { type Operation, operationKey } from '#subgraphs/payment/domain/outstanding.ts'
import type { ProviderRefusal } from '#subgraphs/payment/domain/payment.ts'
import type { ProviderResponse } from '#subgraphs/payment/domain/provider-responses.ts'
import type { PaymentProvider, VoidResponse } from './payment-provider.ts'

/** Throws CallerError UNAVAILABLE when the response is not known; a repeat has no second effect. */
export async function callProvider(
  provider: PaymentProvider,
  paymentId: string,
  operation: Operation,
): Promise<ProviderResponse> {
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
      return { to: kind, moveId, tenderId, ...attemptOf(operation), said }
    }
    case 'void':
      return {
        to: 'void',
        tenderId,
        ...attemptOf(operation),
        ...declinedIn(await provider.void(named)),
      }
    case 'void-late': {
      const { providerRef } = operation
      const said = await provider.void({ ...named, providerRef })
      return { to: 'void-late', tenderId, providerRef, ...attemptOf(operation), ...declinedIn(said) }
    }
  }
}

function attemptOf({ attempt }: { readonly attempt?: number }): { readonly attempt?: number } {
  return attempt === undefined ? {} : { attempt }
}

function declinedIn(said: VoidResponse): { readonly declined?: ProviderRefusal } {
  if (said.status === 'approved') return {}
  const { code, retryable } = said
  return { declined: { code, retryable } }
}
