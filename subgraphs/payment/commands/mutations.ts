// Resolves the mutations of payment: authorises the caller, checks the input, executes the command, maps the result.
import { requireRole, type Viewer } from '#platform/auth/viewer.ts'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { siblingId } from '#platform/domain/ids.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'
import { checkId } from '#platform/subgraph/input.ts'
import type {
  AuthorisePaymentInput,
  MovePaymentInput,
  MutationAuthorisePaymentArgs,
  MutationCapturePaymentArgs,
  MutationReauthoriseMovementArgs,
  MutationRetryMovementArgs,
  MutationVoidPaymentArgs,
  MutationWriteOffMovementArgs,
  VoidPaymentInput,
} from '#schema/generated/payment.ts'
import {
  readAuthorisation,
  readMovement,
  readMovementId,
  readNote,
  readTender,
  readVoid,
} from '#subgraphs/payment/commands/input.ts'
import type { Payments, Refused } from '#subgraphs/payment/commands/payments.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import type { Payment, StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { reauthoriseMovement, retryMovement, writeOffMovement } from '#subgraphs/payment/domain/worklist.ts'
import { movementFields, paymentFields } from '#subgraphs/payment/queries/types.ts'

export function createMutations(payments: Payments, now: () => Date) {
  return { ...serviceMutations(payments), ...worklistMutations(payments, now) }
}

/** The mutations that only services may call. */
function serviceMutations(payments: Payments) {
  return {
    async authorisePayment(_: unknown, { input }: MutationAuthorisePaymentArgs, context: RequestContext) {
      const command = serviceCommand('authorisePayment', input, context)
      const result = await payments.authorise(readAuthorisation(input), command)
      context.consistency.reached('payment', result.position)
      if ('refused' in result) return paymentRefused(result)
      const { payment, pending } = result
      return { __typename: 'PaymentAuthorisation', payment: paymentFields(payment, context.viewer), pending }
    },

    capturePayment: moveMutation(payments, 'capture'),
    refundPayment: moveMutation(payments, 'refund'),

    async voidPayment(_: unknown, { input }: MutationVoidPaymentArgs, context: RequestContext) {
      const command = serviceCommand('voidPayment', input, context)
      const { payment, position } = await payments.void(readVoid(input), command)
      context.consistency.reached('payment', position)
      return paymentMoved(payment, context)
    },
  }
}

function moveMutation(payments: Payments, kind: 'capture' | 'refund') {
  return async (_: unknown, { input }: MutationCapturePaymentArgs, context: RequestContext) => {
    const command = serviceCommand(`${kind}Payment`, input, context)
    const result = await payments[kind](readMovement(input), command)
    context.consistency.reached('payment', result.position)
    return 'refused' in result ? paymentRefused(result) : paymentMoved(result.payment, context)
  }
}

/** The whole input but its key is what a repeated key is compared by. */
function serviceCommand(
  mutation: string,
  { idempotencyKey, ...body }: AuthorisePaymentInput | MovePaymentInput | VoidPaymentInput,
  context: RequestContext,
): CommandContext {
  requireRole(context.viewer, 'service')
  return commandContext(context, { mutation, idempotencyKey, body })
}

/** The mutations of operators on refused movements. */
function worklistMutations(payments: Payments, now: () => Date) {
  const issuedBy = (viewer: Viewer) => ({ by: viewer.subject, at: now().toISOString() })
  return {
    retryMovement(_: unknown, { input }: MutationRetryMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'support', 'ops')
      const command = { movementId: readMovementId(input.movementId), ...issuedBy(viewer) }
      const decide = (payment: Payment) => retryMovement(payment, command)
      return resolveMovement(payments, { mutation: 'retryMovement', input, decide }, context)
    },

    reauthoriseMovement(_: unknown, { input }: MutationReauthoriseMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'support', 'ops')
      const token = input.tender ? { token: readTender(input.tender) } : {}
      const command = { movementId: readMovementId(input.movementId), ...issuedBy(viewer), ...token }
      const decide = (payment: Payment) => reauthoriseMovement(payment, command)
      return resolveMovement(payments, { mutation: 'reauthoriseMovement', input, decide }, context)
    },

    writeOffMovement(_: unknown, { input }: MutationWriteOffMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'ops')
      const note = readNote(input.note)
      const command = { movementId: readMovementId(input.movementId), note, ...issuedBy(viewer) }
      const decide = (payment: Payment) => writeOffMovement(payment, command)
      return resolveMovement(payments, { mutation: 'writeOffMovement', input, decide }, context)
    },
  }
}

type MovementCommand = {
  readonly mutation: string
  readonly input:
    | MutationRetryMovementArgs['input']
    | MutationReauthoriseMovementArgs['input']
    | MutationWriteOffMovementArgs['input']
  readonly decide: (payment: Payment) => Decision<PaymentEvent, Refusal>
}

/** The whole input but its key is what a repeated key is compared by. */
async function resolveMovement(
  payments: Payments,
  { mutation, input, decide }: MovementCommand,
  context: RequestContext,
) {
  const { idempotencyKey, ...body } = input
  const { movementId, orderId } = body
  const command = commandContext(context, { mutation, idempotencyKey, body })
  const paymentId = siblingId('payment', checkId('orderId', 'order', orderId))
  const result = await payments.resolveMovement({ paymentId, movementId, decide }, command)
  context.consistency.reached('payment', result.position)
  if ('refused' in result) return { __typename: 'MovementUnchanged', ...result.refused }
  const { payment, movement } = result
  return {
    __typename: 'MovementChanged',
    movement: movementFields(movement, payment.orderId),
    payment: paymentFields(payment, context.viewer),
  }
}

function paymentMoved(payment: StandingPayment | undefined, { viewer }: RequestContext) {
  return { __typename: 'PaymentMoved', payment: payment ? paymentFields(payment, viewer) : null }
}

function paymentRefused({ refused }: Refused) {
  const { outstanding, movementId, reason, ...refusal } = refused
  return {
    __typename: 'PaymentRefused',
    ...refusal,
    movementId: movementId ?? null,
    reason: reason ?? null,
    outstanding: outstanding ? moneyOut(outstanding) : null,
  }
}
