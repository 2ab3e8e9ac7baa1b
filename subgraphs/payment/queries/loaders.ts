// Loads the documents of payment in batches per operation, and checks who may see them.
import { mayActFor } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import { documentLoader } from '#platform/subgraph/document-loader.ts'
import type {
  MovementDoc,
  MovementTotalsDoc,
  PaymentDoc,
  TotalsDoc,
} from '#subgraphs/payment/queries/views.ts'

export type QueryDependencies = {
  readonly documents: Collection<PaymentDoc>
  readonly totals: Collection<TotalsDoc>
  readonly movements: Collection<MovementDoc>
  readonly movementTotals: Collection<MovementTotalsDoc>
}

/** Returns the payment, or undefined for somebody else's, as for one that is not there. */
export async function loadVisiblePayment(
  { documents }: QueryDependencies,
  id: string,
  context: RequestContext,
): Promise<PaymentDoc | undefined> {
  if (!context.viewer) return undefined
  const payment = await documentLoader(context, 'payments', documents).load(id)
  return payment && mayActFor(context.viewer, payment.customerId) ? payment : undefined
}
