// Carries out what is asked of a payment: the intent is recorded, the provider asked, its answers recorded. Free of GraphQL.
import { createHash } from 'node:crypto'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isId, newId, siblingId } from '#platform/domain/ids.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type { CommandContext, CommandResult, Repository } from '#platform/event-store/aggregate.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import {
  authorisationAnswer,
  isLetGo,
  moveAnswer,
  type PaymentRefusal,
  requestCapture,
  requestPayment,
  requestRefund,
  requestVoid,
} from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent, RequestedTender } from '#subgraphs/payment/domain/events.ts'
import { entryOf, outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { isStanding, type Payment, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { type Answer, recordAnswers } from '#subgraphs/payment/domain/provider-responses.ts'
import type { RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'
import type { PaymentProvider, ProviderNotice } from '../adapters/payment-provider.ts'
import { ask } from '../adapters/provider-call.ts'
import { countRefusals } from '../queries/worklist-metrics.ts'

/** Capture, authorise anew, capture under it, give an excess back, void what is left: that is five. */
const MAX_ROUNDS = 8

export type PaymentRepository = Repository<Payment, PaymentEvent>

export type PaymentsOptions = {
  readonly repository: PaymentRepository
  readonly provider: PaymentProvider
  readonly now: () => Date
  /** The position of the newest event: what a repeated command's caller has to have seen. */
  readonly head: () => Promise<number>
}

export type AuthoriseCommand = {
  readonly orderId: string
  readonly customerId: string
  readonly amount: Money
  readonly tenders: readonly Omit<RequestedTender, 'tenderId'>[]
}
export type MoveCommand = { readonly orderId: string; readonly amount: Money }

/** `payment` is the state that the answer was made of; a reader that has reached `position` sees it. */
export type Accepted = { readonly payment: StandingPayment; readonly position: number }
export type Refused = { readonly refused: PaymentRefusal; readonly position: number }
export type OperatorDecision = {
  readonly paymentId: string
  readonly movementId: string
  readonly decide: (payment: Payment) => Decision<PaymentEvent, Refusal>
}
export type Operated = Accepted & { readonly movement: RefusedMovement }
export type Unmoved = { readonly refused: Refusal; readonly position: number }

/**
 * Every command may be repeated under its key: it goes on where it stopped and gives the answer of the payment as it
 * stands. One whose provider does not answer throws CallerError UNAVAILABLE, and can be repeated until it does.
 */
export interface Payments {
  authorise(
    command: AuthoriseCommand,
    context: CommandContext,
  ): Promise<(Accepted & { readonly pending: boolean }) | Refused>
  capture(command: MoveCommand, context: CommandContext): Promise<Accepted | Refused>
  refund(command: MoveCommand, context: CommandContext): Promise<Accepted | Refused>
  /** Never refused. There is no `payment` when the void came before any was requested. */
  void(
    command: { readonly orderId: string },
    context: CommandContext,
  ): Promise<{ readonly payment: StandingPayment | undefined; readonly position: number }>
  /**
   * What an operator decides about a refused movement of the payment, carried out as far as the provider answers. Nothing
   * is done when `decide` refuses.
   */
  operate(command: OperatorDecision, context: CommandContext): Promise<Operated | Unmoved>
  /**
   * Records what the provider says of its own accord, once per notice id, then does what follows from it as far as
   * the provider answers. Throws CallerError NOT_FOUND, and writes nothing, when there is no such payment.
   */
  hear(notice: ProviderNotice, meta: EventMeta): Promise<void>
  /** Asks the provider for all that is recorded as wanted and not as answered; says whether nothing is left. */
  carryOn(paymentId: string, meta: EventMeta): Promise<boolean>
}

export function createPayments(options: PaymentsOptions): Payments {
  return {
    authorise: (command, context) => authorise(options, command, context),
    capture: (command, context) => move(options, 'capture', command, context),
    refund: (command, context) => move(options, 'refund', command, context),
    void: (command, context) => letGo(options, command, context),
    operate: (command, context) => operate(options, command, context),
    hear: (notice, meta) => hear(options, notice, meta),
    async carryOn(paymentId, meta) {
      const { state } = await options.repository.load(paymentId)
      const reached = await settle(options, paymentId, { payment: state, position: 0 }, meta)
      return reached.failure === undefined
    },
  }
}

async function authorise(
  options: PaymentsOptions,
  { orderId, customerId, amount, tenders }: AuthoriseCommand,
  context: CommandContext,
): Promise<(Accepted & { pending: boolean }) | Refused> {
  const paymentId = siblingId('payment', orderId)
  const request = {
    orderId,
    customerId,
    amount,
    tenders: tenders.map(tender => ({ tenderId: newId('tender'), ...tender })),
    at: options.now().toISOString(),
  }
  const asked = await act(options, paymentId, context, payment => requestPayment(payment, request))
  if (asked.handled.status === 'refused') return refusedBy(asked.handled)
  const { payment, position, failure } = await settle(options, paymentId, asked, context.meta)
  const answer = isStanding(payment) ? authorisationAnswer(payment) : undefined
  if (!isStanding(payment) || answer === undefined) throw unanswered(failure)
  return 'refused' in answer ? { ...answer, position } : { ...answer, payment, position }
}

async function move(
  options: PaymentsOptions,
  kind: 'capture' | 'refund',
  { orderId, amount }: MoveCommand,
  context: CommandContext,
): Promise<Accepted | Refused> {
  const paymentId = siblingId('payment', orderId)
  const moveId = newId(kind)
  const request = { moveId, amount, at: options.now().toISOString() }
  const decide = kind === 'capture' ? requestCapture : requestRefund
  const asked = await act(options, paymentId, context, payment => decide(payment, request), moveId)
  if (asked.handled.status === 'refused') return refusedBy(asked.handled)
  const { payment, position, failure } = await settle(options, paymentId, asked, context.meta)
  const answer = isStanding(payment) ? moveAnswer(payment, kind, String(asked.handled.outcome)) : undefined
  if (!isStanding(payment) || answer === undefined) throw unanswered(failure)
  return answer === 'done' ? { payment, position } : { ...answer, position }
}

async function letGo(
  options: PaymentsOptions,
  { orderId }: { orderId: string },
  context: CommandContext,
): Promise<{ payment: StandingPayment | undefined; position: number }> {
  const paymentId = siblingId('payment', orderId)
  const request = { orderId, at: options.now().toISOString() }
  const asked = await act(options, paymentId, context, payment => requestVoid(payment, request))
  const { payment, position, failure } = await settle(options, paymentId, asked, context.meta)
  if (!isLetGo(payment)) throw unanswered(failure)
  return { payment: isStanding(payment) ? payment : undefined, position }
}

async function operate(
  options: PaymentsOptions,
  { paymentId, movementId, decide }: OperatorDecision,
  context: CommandContext,
): Promise<Operated | Unmoved> {
  const asked = await act(options, paymentId, context, decide)
  if (asked.handled.status === 'refused') return refusedBy(asked.handled)
  const { payment, position, failure } = await settle(options, paymentId, asked, context.meta)
  const movement = isStanding(payment) ? entryOf(payment, movementId) : undefined
  if (!isStanding(payment) || !movement || movement.underWay) throw unanswered(failure)
  return { payment, movement, position }
}

async function hear(options: PaymentsOptions, notice: ProviderNotice, meta: EventMeta): Promise<void> {
  const { id, reference: paymentId, tenderId, providerRef } = notice
  if (!isId('payment', paymentId)) throw noPayment(paymentId)
  const answer: Answer = {
    to: 'authorise',
    tenderId,
    said:
      notice.type === 'payment.approved'
        ? {
            status: 'approved',
            providerRef,
            ...(notice.amount && { amount: notice.amount }),
            ...(notice.expiresAt !== undefined && { expiresAt: notice.expiresAt }),
          }
        : { status: 'declined', code: notice.code ?? 'declined', retryable: notice.retryable ?? false },
  }
  const at = options.now().toISOString()
  const context = { key: `webhook:${id}`, body: { paymentId, answer }, meta }
  const heard = await act(options, paymentId, context, payment => {
    if (!isStanding(payment)) throw noPayment(paymentId)
    return recordAnswers(payment, [answer], at)
  })
  await settle(options, paymentId, heard, meta)
}

/** `failure` is set when the provider did not answer all that was asked. */
type Reached = { readonly payment: Payment; readonly position: number; readonly failure?: unknown }
type Acted<R extends Refusal> = Reached & { readonly handled: CommandResult<R> }

/** Decides and appends. Returns the new state without reading it again, unless the command was a repeat. */
async function act<R extends Refusal>(
  { repository, head }: PaymentsOptions,
  paymentId: string,
  context: CommandContext,
  decide: (payment: Payment) => Decision<PaymentEvent, R>,
  outcome: string | null = null,
): Promise<Acted<R>> {
  const handled = await repository.handle(paymentId, context, decide, outcome)
  if (!handled.repeated) {
    countRefusals(handled.events)
    return { handled, payment: handled.state, position: handled.position }
  }
  const [position, { state }] = [await head(), await repository.load(paymentId)]
  return { handled, payment: state, position }
}

/** Asks and records, round by round, until nothing is outstanding or the provider does not answer. */
async function settle(
  options: PaymentsOptions,
  paymentId: string,
  from: Reached,
  meta: EventMeta | undefined,
): Promise<Reached> {
  let reached: Reached = { payment: from.payment, position: from.position }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const operations = outstanding(reached.payment)
    if (operations.length === 0) return reached
    const calls = operations.map(operation => ask(options.provider, paymentId, operation))
    const outcomes = await Promise.allSettled(calls)
    const answers = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (answers.length > 0) reached = await record(options, paymentId, answers, meta)
    const failed = outcomes.find(outcome => outcome.status === 'rejected')
    if (failed) return { ...reached, failure: failed.reason }
  }
  return { ...reached, failure: new Error(`${paymentId} is not settled after ${MAX_ROUNDS} rounds`) }
}

/** The key is made of the answers: whoever gets the same ones, now or after a crash, records them once. */
function record(
  options: PaymentsOptions,
  paymentId: string,
  answers: readonly Answer[],
  meta: EventMeta | undefined,
): Promise<Reached> {
  const at = options.now().toISOString()
  const digest = createHash('sha256').update(JSON.stringify(answers)).digest('base64url').slice(0, 22)
  const body: JsonObject = { answers }
  const context = { key: `${paymentId}:answers:${digest}`, body, ...(meta && { meta }) }
  return act(options, paymentId, context, payment => recordAnswers(payment, answers, at))
}

function refusedBy<R extends Refusal>({
  refusal,
  position,
}: Extract<CommandResult<R>, { status: 'refused' }>): { readonly refused: R; readonly position: number } {
  return { refused: refusal, position }
}

/** A fault of ours stays one; everything else is an answer that did not come, which a repeat may bring. */
function unanswered(failure: unknown): unknown {
  if (failure !== undefined && !(failure instanceof CallerError)) return failure
  const message = 'The payment provider did not answer. Try again with the same idempotency key.'
  return new CallerError('UNAVAILABLE', message, {}, failure)
}

function noPayment(paymentId: string): CallerError {
  return new CallerError('NOT_FOUND', `there is no payment ${paymentId}`)
}
