// Resolves the queries of staff about fulfilment sagas: which run, wait or are stuck, and their history.
import { isStaff, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { isObject } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'
import { type ConnectionSource, checkPage, connection } from '#platform/subgraph/connection.ts'
import { checkId } from '#platform/subgraph/input.ts'
import type { FulfilmentPhase, QueryFulfilmentArgs, QueryFulfilmentsArgs } from '#schema/generated/orders.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { loadOrder, type QueryDependencies } from '#subgraphs/orders/queries/loaders.ts'

type Fulfilment = SagaStatus & { readonly order: PlacedOrder }

const PHASES = { RUNNING: 'running', COMPENSATING: 'compensating', ENDED: 'ended' } as const
const PHASE_NAMES = { running: 'RUNNING', compensating: 'COMPENSATING', ended: 'ENDED' } as const

export function createFulfilmentFields(dependencies: QueryDependencies) {
  const { sagas } = dependencies

  /** A saga's id is its order's. One whose order the views do not show yet is left out. */
  async function withOrder(status: SagaStatus, context: RequestContext): Promise<Fulfilment[]> {
    const order = await loadOrder(dependencies, context, status.id)
    return order ? [{ ...status, order }] : []
  }

  async function withOrders(
    found: ConnectionSource<SagaStatus>,
    context: RequestContext,
  ): Promise<ConnectionSource<Fulfilment>> {
    const known = await Promise.all(
      found.edges.map(async ({ cursor, node }) =>
        (await withOrder(node, context)).map(fulfilment => ({ cursor, node: fulfilment })),
      ),
    )
    const edges = known.flat()
    return { ...found, edges, nodes: edges.map(({ node }) => node) }
  }

  return {
    Query: {
      async fulfilments(
        _: unknown,
        { filter, sort, ...page }: QueryFulfilmentsArgs,
        context: RequestContext,
      ) {
        requireRole(context.viewer, 'support', 'ops', 'service')
        const { phase, stuck } = filter ?? {}
        const wanted = {
          ...(phase && { phase: PHASES[phase] }),
          ...(typeof stuck === 'boolean' && { stuck }),
        }
        const found = await sagas.list(wanted, { ...checkPage(page), descending: sort?.direction !== 'ASC' })
        return withOrders(
          connection(found, atMost => sagas.count(wanted, atMost)),
          context,
        )
      },
      async fulfilment(_: unknown, { orderId }: QueryFulfilmentArgs, context: RequestContext) {
        const viewer = requireViewer(context.viewer)
        const sagaId = checkId('orderId', 'order', orderId)
        const found = isStaff(viewer) ? await sagas.inspect(sagaId) : undefined
        return found ? ((await withOrder(found.status, context))[0] ?? null) : null
      },
    },
    Fulfilment: {
      phase: ({ phase }: Fulfilment): FulfilmentPhase => PHASE_NAMES[phase],
      timers: ({ timers }: Fulfilment) => Object.entries(timers).map(([name, dueAt]) => ({ name, dueAt })),
      async history({ id }: Fulfilment) {
        const found = await sagas.inspect(id)
        return (found?.history ?? []).map(({ type, at, data }) => ({ type, at, step: stepIn(data) }))
      },
    },
  }
}

function stepIn(data: unknown): string | null {
  return isObject(data) && typeof data.step === 'string' ? data.step : null
}
