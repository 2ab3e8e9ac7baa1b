// GraphQL of payment: authorise, load or handle, map. Free of decisions and storage.
import DataLoader from 'dataloader'
import { mayActFor, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { siblingId } from '#platform/domain/ids.ts'
import { toDecimal } from '#platform/domain/money.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type {
  AuthorisePaymentInput,
  MovePaymentInput,
  MutationAuthorisePaymentArgs,
  MutationCapturePaymentArgs,
  MutationRefundPaymentArgs,
  MutationVoidPaymentArgs,
  PaymentTotals,
  QueryPaymentArgs,
  VoidPaymentInput,
} from '#schema/generated/payment.ts'
import type { StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { authoriseCommand, keyIn, moveCommand, paymentIdIn, voidCommand } from './commands/input.ts'
import type { Payments, Refused } from './commands/payments.ts'
import { type MovementPorts, movementCommands, movementQueries } from './movement-resolvers.ts'
import { paymentOut } from './queries/types.ts'
import type { PaymentDoc, TotalsDoc } from './queries/views.ts'

export type ResolverPorts = MovementPorts & {
  readonly documents: Collection<PaymentDoc>
  readonly totals: Collection<TotalsDoc>
}

const MAX_CURRENCIES = 1_000

export function createResolvers(ports: ResolverPorts) {
  return {
    Query: {
      async payment(_: unknown, { id }: QueryPaymentArgs, context: RequestContext) {
        requireViewer(context.viewer)
        return visiblePayment(ports, paymentIdIn(id), context)
      },
      async paymentTotals(_: unknown, __: unknown, context: RequestContext) {
        requireRole(context.viewer, 'support', 'ops', 'service')
        const { items } = await ports.totals.find({ limit: MAX_CURRENCIES })
        return items.map(({ doc }) => totalsOut(doc))
      },
      ...movementQueries(ports),
    },
    Mutation: { ...commands(ports.payments), ...movementCommands(ports) },
    Payment: {
      __resolveReference: ({ id }: { id: string }, context: RequestContext) =>
        visiblePayment(ports, id, context),
    },
    Order: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      async payments({ id }: { id: string }, _: unknown, context: RequestContext) {
        const payment = await visiblePayment(ports, siblingId('payment', id), context)
        return payment ? [payment] : []
      },
    },
  }
}

function commands(payments: Payments) {
  return {
    async authorisePayment(_: unknown, { input }: MutationAuthorisePaymentArgs, context: RequestContext) {
      const command = commandOf('authorisePayment', input, context)
      const answer = await payments.authorise(authoriseCommand(input), command)
      context.consistency.reached('payment', answer.position)
      if ('refused' in answer) return refusalOut(answer)
      const { payment, pending } = answer
      return { __typename: 'PaymentAuthorisation', payment: paymentOut(payment, context.viewer), pending }
    },
    async capturePayment(_: unknown, { input }: MutationCapturePaymentArgs, context: RequestContext) {
      const command = commandOf('capturePayment', input, context)
      const answer = await payments.capture(moveCommand(input), command)
      context.consistency.reached('payment', answer.position)
      return 'refused' in answer ? refusalOut(answer) : movedOut(answer.payment, context)
    },
    async refundPayment(_: unknown, { input }: MutationRefundPaymentArgs, context: RequestContext) {
      const command = commandOf('refundPayment', input, context)
      const answer = await payments.refund(moveCommand(input), command)
      context.consistency.reached('payment', answer.position)
      return 'refused' in answer ? refusalOut(answer) : movedOut(answer.payment, context)
    },
    async voidPayment(_: unknown, { input }: MutationVoidPaymentArgs, context: RequestContext) {
      const command = commandOf('voidPayment', input, context)
      const { payment, position } = await payments.void(voidCommand(input), command)
      context.consistency.reached('payment', position)
      return movedOut(payment, context)
    },
  }
}

/** Only services may; the rest of the input is what a repeated key is compared with. */
function commandOf(
  mutation: string,
  { idempotencyKey, ...body }: AuthorisePaymentInput | MovePaymentInput | VoidPaymentInput,
  { viewer, meta }: RequestContext,
): CommandContext {
  requireRole(viewer, 'service')
  return { key: `service:${mutation}:${keyIn(idempotencyKey)}`, body, meta }
}

/** Somebody else's payment looks like none. */
async function visiblePayment({ documents }: ResolverPorts, id: string, context: RequestContext) {
  if (!context.viewer) return null
  const loader = loaderOf(context, 'payments', () => paymentLoader(documents))
  const payment = await loader.load(id)
  return payment && mayActFor(context.viewer, payment.customerId) ? paymentOut(payment, context.viewer) : null
}

function paymentLoader(documents: Collection<PaymentDoc>): DataLoader<string, PaymentDoc | undefined> {
  return new DataLoader(async ids => {
    const found = await documents.getMany(ids)
    return ids.map(id => found.get(id))
  })
}

function movedOut(payment: StandingPayment | undefined, { viewer }: RequestContext) {
  return { __typename: 'PaymentMoved', payment: payment ? paymentOut(payment, viewer) : null }
}

function refusalOut({ refused }: Refused) {
  const { outstanding, movementId, reason, ...refusal } = refused
  return {
    __typename: 'PaymentRefused',
    ...refusal,
    movementId: movementId ?? null,
    reason: reason ?? null,
    outstanding: outstanding ? moneyOut(outstanding) : null,
  }
}

function totalsOut({ currency, ...sums }: TotalsDoc): PaymentTotals {
  const decimal = (minor: number) => toDecimal({ minor, currency })
  return {
    currency,
    requested: decimal(sums.requested),
    authorised: decimal(sums.authorised),
    captured: decimal(sums.captured),
    voided: decimal(sums.voided),
    refunded: decimal(sums.refunded),
  }
}
