// Executes the fulfilment's steps: commands on orders here, GraphQL mutations of the other services.
import { z } from 'zod'
import type { Refusal } from '#platform/domain/decision.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import { fromDecimal, type Money } from '#platform/domain/money.ts'
import type { GraphqlClient } from '#platform/graphql/client/client.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import type { LocalSteps } from '#platform/saga/local-steps.ts'
import type { Call, StepResponse } from '#platform/saga/saga.ts'
import { OPERATIONS } from '#subgraphs/orders/adapters/operations.ts'
import type { OrderRepository } from '#subgraphs/orders/domain/aggregate.ts'
import { recordDebt, resolveDebt } from '#subgraphs/orders/domain/debts.ts'
import { CANCELLATION_REASONS } from '#subgraphs/orders/domain/events.ts'
import type { Order } from '#subgraphs/orders/domain/order.ts'
import type { OrderDecision } from '#subgraphs/orders/domain/order-commands.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import { noteReturnRefunded } from '#subgraphs/orders/domain/returns.ts'

export type Services = Readonly<Record<'inventory' | 'payment' | 'shipping', GraphqlClient>>
type StepPorts = {
  readonly services: Services
  readonly orders: OrderRepository
  readonly now: () => Date
}

/**
 * Executes a step under its own idempotency key: a repeat gets the first result. Throws when the result is unknown, and
 * OperatorError COMMAND_UNKNOWN for a command that this build does not have.
 */
export function createSteps(ports: StepPorts): (call: Call) => Promise<StepResponse> {
  return async call => {
    const remote = REMOTE[call.command]
    return remote ? callService(ports.services, remote, call) : executeLocally(ports, call)
  }
}

// Commands of the other services.

/** The returned member of the mutation's result union: its `__typename` and the selected fields. */
type MutationResult = { readonly __typename: string } & JsonObject
type RemoteCommand = {
  readonly operation: (typeof OPERATIONS)[keyof typeof OPERATIONS]
  /** Maps the mutation's result to the step's result. */
  readonly result?: (answer: MutationResult) => JsonObject
  readonly refusal?: (answer: MutationResult, input: JsonObject) => { code: string; details: JsonObject }
  /** True when the service may wait for an external system: the request is then sent by itself, not in a batch. */
  readonly isSlow?: true
}

const REMOTE: Readonly<Record<string, RemoteCommand>> = {
  'inventory.reserveStock': {
    operation: OPERATIONS.reserveStock,
    result: answer => ({ allocations: z.array(allocation).parse(answer.allocations) }),
    refusal: (answer, input) => ({ code: 'INSUFFICIENT_STOCK', details: shortagesOf(answer, input) }),
  },
  'inventory.commitReservation': { operation: OPERATIONS.commitReservation },
  'inventory.releaseReservation': { operation: OPERATIONS.releaseReservation },
  'inventory.shipStock': { operation: OPERATIONS.shipStock },
  'inventory.restock': { operation: OPERATIONS.restock },
  'payment.authorisePayment': {
    operation: OPERATIONS.authorisePayment,
    result: answer => {
      const { pending, payment } = authorisation.parse(answer)
      return { pending, paymentId: payment.id }
    },
    isSlow: true,
  },
  'payment.capturePayment': { operation: OPERATIONS.capturePayment, refusal: refusedMovement, isSlow: true },
  'payment.voidPayment': { operation: OPERATIONS.voidPayment, isSlow: true },
  'payment.refundPayment': { operation: OPERATIONS.refundPayment, refusal: refusedMovement, isSlow: true },
  'shipping.createShipment': {
    operation: OPERATIONS.createShipment,
    result: answer => ({ shipmentId: creation.parse(answer).shipment.id }),
    isSlow: true,
  },
  'shipping.cancelShipment': { operation: OPERATIONS.cancelShipment, isSlow: true },
}

const allocation = z
  .object({ sku: z.string(), quantity: z.int(), warehouse: z.object({ code: z.string() }) })
  .transform(({ sku, quantity, warehouse }) => ({ sku, quantity, warehouse: warehouse.code }))
const authorisation = z.object({ pending: z.boolean(), payment: z.object({ id: z.string() }) })
const creation = z.object({ shipment: z.object({ id: z.string() }) })
const refusedPayment = z.object({
  code: z.string(),
  retryable: z.boolean(),
  movementId: z.string().nullable(),
  reason: z.string().nullish(),
  outstanding: z.object({ amount: z.string(), currency: z.string() }).nullable(),
})
const lines = z.array(z.object({ sku: z.string(), quantity: z.int() }))

/** The details hold the `movementId` of the operators' worklist, the provider's `code`, and the `outstanding` minor units. */
function refusedMovement(answer: MutationResult): { code: string; details: JsonObject } {
  const { code, retryable, movementId, reason, outstanding } = refusedPayment.parse(answer)
  const moved = {
    movementId,
    ...(reason && { code: reason }),
    outstanding: outstanding && fromDecimal(outstanding.amount, outstanding.currency).minor,
  }
  return { code, details: { retryable, ...(movementId !== null && moved) } }
}

/** An unknown product counts as a shortage of all its units. */
function shortagesOf({ shortages, sku }: MutationResult, input: JsonObject): JsonObject {
  if (shortages !== undefined) return { shortages }
  const requested = lines.parse(input.lines).filter(line => line.sku === sku)
  return { shortages: requested.map(line => ({ sku: line.sku, requested: line.quantity, available: 0 })) }
}

async function callService(services: Services, remote: RemoteCommand, call: Call): Promise<StepResponse> {
  const { service, document } = remote.operation
  const input = { ...asGraphql(call.input), idempotencyKey: call.key }
  const { data } = await services[service].request<{ answer: MutationResult }>({
    document,
    variables: { input },
    idempotent: true,
    ...(remote.isSlow && { batch: false }),
  })
  const { answer } = data
  const { code, message } = answer
  if (typeof code !== 'string' || typeof message !== 'string')
    return { status: 'succeeded', result: remote.result?.(answer) ?? {} }
  const refusal = remote.refusal?.(answer, call.input) ?? { code, details: detailsOf(answer) }
  return { status: 'refused', message, ...refusal }
}

function detailsOf({ __typename, code, message, ...details }: MutationResult): JsonObject {
  return details
}

/** Money inside is minor units; outside it is a decimal. */
function asGraphql(input: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, toGraphqlValue(value)]))
}

function toGraphqlValue(value: Json | undefined): unknown {
  if (Array.isArray(value)) return value.map(toGraphqlValue)
  if (typeof value !== 'object' || value === null) return value
  const record: JsonObject = value as JsonObject // not an array
  return isMoney(record) ? moneyOut(record) : asGraphql(record)
}

function isMoney(value: JsonObject): value is Money & JsonObject {
  return typeof value.minor === 'number' && typeof value.currency === 'string'
}

// Commands on orders.

type LocalCommand = (order: Order, input: JsonObject, at: string) => OrderDecision

/** Checks the input of a command by its schema before it is decided. */
function local<Input extends object>(
  schema: z.ZodType<Input>,
  decision: (order: Order, command: Input & { readonly at: string }) => OrderDecision,
): LocalCommand {
  return (order, input, at) => decision(order, { ...schema.parse(input), at })
}

const nothing = z.object({})
const shipment = z.object({ shipmentId: z.string() })
const money = z.object({ minor: z.int(), currency: z.string() })
const cancellation = z.object({
  reason: z.enum(CANCELLATION_REASONS),
  message: z.string(),
  details: z.record(z.string(), z.json()),
})
const unitRange = z.object({ lineNo: z.int(), from: z.int(), to: z.int() })
const contents = shipment.extend({ lines, units: z.array(unitRange).exactOptional() })
const debt = z.object({
  debtId: z.string(),
  owedBy: z.enum(['CUSTOMER', 'SHOP']),
  amount: money,
  code: z.string(),
})
const resolution = z.object({ debtId: z.string(), resolution: z.enum(['PAID', 'WRITTEN_OFF', 'DROPPED']) })

const LOCAL: Readonly<Record<string, LocalCommand>> = {
  'orders.noteApprovalAwaited': local(nothing, decide.noteApprovalAwaited),
  'orders.confirmOrder': local(nothing, decide.confirm),
  'orders.cancelFulfilment': local(cancellation, decide.cancel),
  'orders.rejectCancellation': local(z.object({ message: z.string() }), decide.rejectCancellation),
  'orders.noteShipped': local(contents, decide.noteShipped),
  'orders.noteLost': local(shipment, decide.noteLost),
  'orders.noteRefunded': local(z.object({ refundId: z.string(), refund: money }), decide.noteRefunded),
  'orders.noteLossRefunded': local(shipment.extend({ refund: money }), decide.noteLossRefunded),
  'orders.noteDelivered': local(shipment, decide.noteDelivered),
  'orders.completeOrder': local(nothing, decide.complete),
  'orders.noteReturnRefunded': local(
    z.object({ returnId: z.string(), refund: money.exactOptional() }),
    noteReturnRefunded,
  ),
  'orders.recordDebt': local(debt, recordDebt),
  'orders.resolveDebt': local(resolution, resolveDebt),
}

/** Decides the steps that are commands on orders; a saga's id is its order's. A repeated one changes nothing. */
export function createLocalSteps({ orders, now }: Pick<StepPorts, 'orders' | 'now'>): LocalSteps {
  return {
    has: command => Object.hasOwn(LOCAL, command),
    async open(orderId) {
      const { decide, write, settle } = await orders.stage(orderId)
      return {
        decide({ command, input, meta }) {
          const at = now().toISOString()
          const decision = decide(order => localCommand(command)(order, input, at), meta)
          return 'refused' in decision ? refused(decision.refused) : SUCCEEDED
        },
        write,
        settle,
      }
    },
  }
}

/** Does the same in an append of its own, under the step's key. */
async function executeLocally({ orders, now }: StepPorts, call: Call): Promise<StepResponse> {
  const { sagaId, command, input, key, meta } = call
  const at = now().toISOString()
  const handled = await orders.handle(sagaId, { key, body: { command, input }, meta }, order =>
    localCommand(command)(order, input, at),
  )
  return handled.status === 'accepted' ? SUCCEEDED : refused(handled.refusal)
}

function localCommand(command: string): LocalCommand {
  const found = Object.hasOwn(LOCAL, command) ? LOCAL[command] : undefined
  if (!found) throw new OperatorError('COMMAND_UNKNOWN', `this build has no command ${command}`)
  return found
}

const SUCCEEDED: StepResponse = { status: 'succeeded', result: {} }

function refused({ code, message }: Refusal): StepResponse {
  return { status: 'refused', code, message }
}
