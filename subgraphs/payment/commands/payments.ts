// Executes commands on payments: records the intent, calls the provider, and records its responses.
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isId, newId, siblingId } from '#platform/domain/ids.ts'
import type { Money } from '#platform/domain/money.ts'
import type { CommandContext, CommandResult, DecisionContext } from '#platform/event-store/aggregate.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { PaymentProvider, ProviderNotice } from '#subgraphs/payment/adapters/payment-provider.ts'
import { callProvider } from '#subgraphs/payment/adapters/provider-call.ts'
import type { PaymentRepository } from '#subgraphs/payment/domain/aggregate.ts'
import {
  authorisationResult,
  isFullyVoided,
  movementResult,
  type PaymentRefusal,
  requestCapture,
  requestPayment,
  requestRefund,
  requestVoid,
} from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent, RequestedTender } from '#subgraphs/payment/domain/events.ts'
import { entryOf, outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { isStanding, type Payment, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { type ProviderResponse, recordResponses } from '#subgraphs/payment/domain/provider-responses.ts'
import type { RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'
import { countRefusals } from '#subgraphs/payment/queries/worklist-metrics.ts'

/** Capture, authorise anew, capture under it, give an excess back, void what is left: that is five. */
const MAX_ROUNDS = 8

export type AuthorisePayment = {
  readonly orderId: string
  readonly customerId: string
  readonly amount: Money
  readonly tenders: readonly Omit<RequestedTender, 'tenderId'>[]
}
export type MovePayment = { readonly orderId: string; readonly amount: Money }

/** `payment` is the state that the result is made of; a reader that has reached `position` sees it. */
type Accepted = { readonly payment: StandingPayment; readonly position: number }
export type Refused<R extends Refusal = PaymentRefusal> = { readonly refused: R; readonly position: number }
/** An operator's decision about a refused movement of the payment. */
type OperatorDecision = {
  readonly paymentId: string
  readonly movementId: string
  readonly decide: (payment: Payment) => Decision<PaymentEvent, Refusal>
}

type CommandDependencies = {
  readonly repository: PaymentRepository
  readonly provider: PaymentProvider
  readonly now: () => Date
  /** The position of the newest event: what a repeated command's caller has to have seen. */
  readonly head: () => Promise<number>
}

export type Payments = ReturnType<typeof createPayments>

/**
 * Every command may be repeated under its key: it goes on where it stopped, and its result is that of the payment as it
 * stands. Without a response of the provider it throws CallerError UNAVAILABLE, and can be repeated until it succeeds.
 */
export function createPayments(dependencies: CommandDependencies) {
  return {
    authorise: (command: AuthorisePayment, context: CommandContext) =>
      authorise(dependencies, command, context),
    capture: (command: MovePayment, context: CommandContext) =>
      move(dependencies, { ...command, kind: 'capture' }, context),
    refund: (command: MovePayment, context: CommandContext) =>
      move(dependencies, { ...command, kind: 'refund' }, context),
    void: (command: { orderId: string }, context: CommandContext) =>
      voidPayment(dependencies, command, context),
    resolveMovement: (command: OperatorDecision, context: CommandContext) =>
      resolveMovement(dependencies, command, context),
    recordNotice: (notice: ProviderNotice, meta: EventMeta) => recordNotice(dependencies, notice, meta),
    /** Calls the provider for every intent without a recorded response; returns true when none is left. */
    async resume(paymentId: string, meta: EventMeta): Promise<boolean> {
      const { state: payment } = await dependencies.repository.load(paymentId)
      const progress = await finish(dependencies, { paymentId, meta }, { payment, position: 0 })
      return progress.failure === undefined
    },
  }
}

async function authorise(
  dependencies: CommandDependencies,
  { orderId, customerId, amount, tenders }: AuthorisePayment,
  context: CommandContext,
): Promise<(Accepted & { pending: boolean }) | Refused> {
  const target = { paymentId: siblingId('payment', orderId), ...context, creates: true }
  const request = {
    orderId,
    customerId,
    amount,
    tenders: tenders.map(tender => ({ tenderId: newId('tender'), ...tender })),
    at: dependencies.now().toISOString(),
  }
  const requested = await handle(dependencies, target, payment => requestPayment(payment, request))
  if (requested.handled.status === 'refused') return refusedBy(requested.handled)
  const { payment, position, failure } = await finish(dependencies, target, requested)
  const result = isStanding(payment) ? authorisationResult(payment) : undefined
  if (!isStanding(payment) || result === undefined) throw unanswered(failure)
  return 'refused' in result ? { ...result, position } : { ...result, payment, position }
}

async function move(
  dependencies: CommandDependencies,
  { orderId, amount, kind }: MovePayment & { readonly kind: 'capture' | 'refund' },
  context: CommandContext,
): Promise<Accepted | Refused> {
  const moveId = newId(kind)
  const target = { paymentId: siblingId('payment', orderId), ...context, outcome: moveId }
  const request = { moveId, amount, at: dependencies.now().toISOString() }
  const decide = kind === 'capture' ? requestCapture : requestRefund
  const requested = await handle(dependencies, target, payment => decide(payment, request))
  if (requested.handled.status === 'refused') return refusedBy(requested.handled)
  const { payment, position, failure } = await finish(dependencies, target, requested)
  const firstMoveId = String(requested.handled.outcome)
  const result = isStanding(payment) ? movementResult(payment, kind, firstMoveId) : undefined
  if (!isStanding(payment) || result === undefined) throw unanswered(failure)
  return result === 'done' ? { payment, position } : { ...result, position }
}

/** Never refused. There is no `payment` when the void came before any was requested. */
async function voidPayment(
  dependencies: CommandDependencies,
  { orderId }: { orderId: string },
  context: CommandContext,
): Promise<{ payment: StandingPayment | undefined; position: number }> {
  const target = { paymentId: siblingId('payment', orderId), ...context }
  const request = { orderId, at: dependencies.now().toISOString() }
  const requested = await handle(dependencies, target, payment => requestVoid(payment, request))
  const { payment, position, failure } = await finish(dependencies, target, requested)
  if (!isFullyVoided(payment)) throw unanswered(failure)
  return { payment: isStanding(payment) ? payment : undefined, position }
}

/** Carries out an operator's decision as far as the provider responds. Nothing is done when `decide` refuses. */
async function resolveMovement(
  dependencies: CommandDependencies,
  { paymentId, movementId, decide }: OperatorDecision,
  context: CommandContext,
): Promise<(Accepted & { movement: RefusedMovement }) | Refused<Refusal>> {
  const target = { paymentId, ...context }
  const decided = await handle(dependencies, target, decide)
  if (decided.handled.status === 'refused') return refusedBy(decided.handled)
  const { payment, position, failure } = await finish(dependencies, target, decided)
  const movement = isStanding(payment) ? entryOf(payment, movementId) : undefined
  if (!isStanding(payment) || !movement || movement.underWay) throw unanswered(failure)
  return { payment, movement, position }
}

/**
 * Records a notice of the provider, once per notice id, then carries out its consequences as far as the provider responds.
 * Throws CallerError NOT_FOUND, and writes nothing, when there is no such payment.
 */
async function recordNotice(
  dependencies: CommandDependencies,
  notice: ProviderNotice,
  meta: EventMeta,
): Promise<void> {
  const { id, reference: paymentId } = notice
  if (!isId('payment', paymentId)) throw noPayment(paymentId)
  const answer = responseIn(notice)
  const at = dependencies.now().toISOString()
  const target = { paymentId, key: `webhook:${id}`, body: { paymentId, answer }, meta }
  const recorded = await handle(dependencies, target, payment => {
    if (!isStanding(payment)) throw noPayment(paymentId)
    return recordResponses(payment, [answer], at)
  })
  await finish(dependencies, target, recorded)
}

function responseIn(notice: ProviderNotice): ProviderResponse {
  const { type, tenderId, providerRef, amount, expiresAt, code = 'declined', retryable = false } = notice
  if (type !== 'payment.approved')
    return { to: 'authorise', tenderId, said: { status: 'declined', code, retryable } }
  const approval = { ...(amount && { amount }), ...(expiresAt !== undefined && { expiresAt }) }
  return { to: 'authorise', tenderId, said: { status: 'approved', providerRef, ...approval } }
}

/** The payment so far. `failure` is set when the provider did not respond to every call. */
type Progress = { readonly payment: Payment; readonly position: number; readonly failure?: unknown }

/** The payment that a decision is about, and what a repeat of its command gets back. */
type Target = (CommandContext | DecisionContext) & {
  readonly paymentId: string
  readonly outcome?: string | null
}

/** Decides and appends. Returns the new state without reading it again, unless the command was a repeat. */
async function handle<R extends Refusal>(
  { repository, head }: CommandDependencies,
  { paymentId, outcome = null, ...context }: Target,
  decide: (payment: Payment) => Decision<PaymentEvent, R>,
): Promise<Progress & { readonly handled: CommandResult<R> }> {
  const handled = await repository.handle(paymentId, context, decide, outcome)
  if (!handled.repeated) {
    countRefusals(handled.events)
    return { handled, payment: handled.state, position: handled.position }
  }
  const [position, { state }] = [await head(), await repository.load(paymentId)]
  return { handled, payment: state, position }
}

type Recording = Pick<Target, 'paymentId' | 'meta'>

/** Calls the provider and records its responses, until nothing is outstanding or the provider does not respond. */
async function finish(
  dependencies: CommandDependencies,
  { paymentId, meta }: Recording,
  { payment, position }: Progress,
): Promise<Progress> {
  let progress: Progress = { payment, position }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const operations = outstanding(progress.payment)
    if (operations.length === 0) return progress
    const calls = operations.map(operation => callProvider(dependencies.provider, paymentId, operation))
    const settled = await Promise.allSettled(calls)
    const responses = settled.flatMap(call => (call.status === 'fulfilled' ? [call.value] : []))
    const target = { paymentId, ...(meta && { meta }) }
    if (responses.length > 0) progress = await record(dependencies, target, responses)
    const failed = settled.find(call => call.status === 'rejected')
    if (failed) return { ...progress, failure: failed.reason }
  }
  return { ...progress, failure: new Error(`${paymentId} is not settled after ${MAX_ROUNDS} rounds`) }
}

/** Whoever gets the same responses, now or after a crash, records them once: a response that is known records nothing. */
function record(
  dependencies: CommandDependencies,
  { paymentId, meta }: Recording,
  answers: readonly ProviderResponse[],
): Promise<Progress> {
  const at = dependencies.now().toISOString()
  const target = { paymentId, ...(meta && { meta }) }
  return handle(dependencies, target, payment => recordResponses(payment, answers, at))
}

function refusedBy<R extends Refusal>({
  refusal,
  position,
}: Extract<CommandResult<R>, { status: 'refused' }>): Refused<R> {
  return { refused: refusal, position }
}

/** A fault of ours stays one; everything else is a response that did not come, which a repeat may bring. */
function unanswered(failure: unknown): unknown {
  if (failure !== undefined && !(failure instanceof CallerError)) return failure
  const message = 'The payment provider did not answer. Try again with the same idempotency key.'
  return new CallerError('UNAVAILABLE', message, {}, failure)
}

function noPayment(paymentId: string): CallerError {
  return new CallerError('NOT_FOUND', `there is no payment ${paymentId}`)
}
