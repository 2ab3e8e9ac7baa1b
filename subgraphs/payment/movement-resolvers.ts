// GraphQL of the worklist of refused movements: staff only. Free of decisions and storage.
import { requireRole, type Viewer } from '#platform/auth/viewer.ts'
import type { Refusal } from '#platform/domain/decision.ts'
import { siblingId } from '#platform/domain/ids.ts'
import { type Money, toDecimal } from '#platform/domain/money.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Collection, Filter } from '#platform/read-models/read-models.ts'
import type {
  MutationReauthoriseMovementArgs,
  MutationRetryMovementArgs,
  MutationWriteOffMovementArgs,
  QueryRefusedMovementsArgs,
  RefusedMovementTotals,
} from '#schema/generated/payment.ts'
import type { Payment } from '#subgraphs/payment/domain/payment.ts'
import { reauthoriseMovement, retryMovement, writeOffMovement } from '#subgraphs/payment/domain/worklist.ts'
import { firstIn, keyIn, movementIdIn, noteIn, orderIn, tenderIn } from './commands/input.ts'
import type { OperatorDecision, Payments } from './commands/payments.ts'
import { movementOut } from './queries/movement-out.ts'
import { paymentOut } from './queries/types.ts'
import type { MovementDoc, MovementTotalsDoc } from './queries/views.ts'

export type MovementPorts = {
  readonly payments: Payments
  readonly movements: Collection<MovementDoc>
  readonly movementTotals: Collection<MovementTotalsDoc>
  readonly now: () => Date
}

/** Three kinds, and as many currencies as there are. */
const MAX_TOTALS = 1_000

export function movementQueries({ movements, movementTotals }: MovementPorts) {
  return {
    async refusedMovements(
      _: unknown,
      { filter, first, after }: QueryRefusedMovementsArgs,
      { viewer }: RequestContext,
    ) {
      requireRole(viewer, 'support', 'ops', 'service')
      const kind: Filter[] = filter?.kind ? [{ path: 'kind', equals: filter.kind }] : []
      const { items, hasNext } = await movements.find({
        where: [{ path: 'status', equals: filter?.status ?? 'OPEN' }, ...kind],
        orderBy: { path: 'refusedAt' },
        limit: firstIn(first),
        ...(after != null && { after }),
      })
      const edges = items.map(({ doc, cursor }) => ({ cursor, node: movementOut(doc, doc.orderId) }))
      return {
        nodes: edges.map(({ node }) => node),
        edges,
        pageInfo: { hasNextPage: hasNext, endCursor: edges.at(-1)?.cursor ?? null },
      }
    },
    async refusedMovementTotals(_: unknown, __: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { items } = await movementTotals.find({ limit: MAX_TOTALS })
      return items.filter(({ doc }) => doc.count > 0).map(({ doc }) => totalsOut(doc))
    },
  }
}

export function movementCommands(ports: MovementPorts) {
  const ordered = (viewer: Viewer) => ({ by: viewer.subject, at: ports.now().toISOString() })
  return {
    retryMovement(_: unknown, { input }: MutationRetryMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'support', 'ops')
      const command = { movementId: movementIdIn(input.movementId), ...ordered(viewer) }
      const decide = (payment: Payment) => retryMovement(payment, command)
      return operate(ports, { name: 'retryMovement', viewer, input, decide }, context)
    },
    reauthoriseMovement(_: unknown, { input }: MutationReauthoriseMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'support', 'ops')
      const { movementId, tender } = input
      const token = tender ? { token: tenderIn(tender) } : {}
      const command = { movementId: movementIdIn(movementId), ...ordered(viewer), ...token }
      const decide = (payment: Payment) => reauthoriseMovement(payment, command)
      return operate(ports, { name: 'reauthoriseMovement', viewer, input, decide }, context)
    },
    writeOffMovement(_: unknown, { input }: MutationWriteOffMovementArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'ops')
      const note = noteIn(input.note)
      const command = { movementId: movementIdIn(input.movementId), note, ...ordered(viewer) }
      const decide = (payment: Payment) => writeOffMovement(payment, command)
      return operate(ports, { name: 'writeOffMovement', viewer, input, decide }, context)
    },
  }
}

type Ordered = Pick<OperatorDecision, 'decide'> & {
  readonly name: string
  readonly viewer: Viewer
  readonly input:
    | MutationRetryMovementArgs['input']
    | MutationReauthoriseMovementArgs['input']
    | MutationWriteOffMovementArgs['input']
}

/** The input without its key is what a repeated key is compared with. */
async function operate(
  { payments }: MovementPorts,
  { name, viewer, input, decide }: Ordered,
  { consistency, meta }: RequestContext,
) {
  const { idempotencyKey, ...body } = input
  const key = `${viewer.subject}:${name}:${keyIn(idempotencyKey)}`
  const { movementId, orderId } = body
  const paymentId = siblingId('payment', orderIn(orderId))
  const answer = await payments.operate({ paymentId, movementId, decide }, { key, body, meta })
  consistency.reached('payment', answer.position)
  if ('refused' in answer) return unchanged(answer.refused)
  const { payment, movement } = answer
  return {
    __typename: 'MovementChanged',
    movement: movementOut(movement, payment.orderId),
    payment: paymentOut(payment, viewer),
  }
}

function unchanged(refusal: Refusal) {
  return { __typename: 'MovementUnchanged', ...refusal }
}

function totalsOut({ kind, currency, count, minor }: MovementTotalsDoc): RefusedMovementTotals {
  const open: Money = { minor, currency }
  return { kind, currency, count, amount: toDecimal(open) }
}
