// Tells which orders and products cannot exist, so that requests for them cost nothing: ids from the gateway, then from the bus.
import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { orderIdOf } from '#bff/bus/message-ids.ts'
import type { GatewayClient } from '#bff/pages/gateway-client.ts'
import { createIdFilter, type IdFilter } from '#bff/pages/id-filter.ts'
import type { Entity, EntityKind } from '#bff/pages/pages.ts'
import { NO_POSITIONS, type PositionVector } from '#platform/consistency/position-vector.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { TypedDocument } from '#platform/graphql/client/client.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type IdPage = TypedDocument<{ readonly ids: readonly string[] }, { readonly after: string | null }>

const DOCUMENTS: Readonly<Record<EntityKind, IdPage>> = {
  order: 'query OrderIds($after: ID) { ids: orderIds(after: $after) }',
  product: 'query ProductSkus($after: ID) { ids: productSkus(after: $after) }',
}
const TOPICS: Readonly<Record<EntityKind, string>> = { order: 'orders', product: 'inventory' }
const STOCK = 'stock-'

type EntityFilter = AsyncDisposable & {
  /** Returns false only when nothing that happened up to `required` made such an entity. */
  mayExist(entity: Entity, required: PositionVector): boolean
}

export function createEntityFilter(options: {
  readonly gateway: GatewayClient
  readonly follower: BusFollower
  readonly logger: Logger
}): EntityFilter {
  const { gateway, follower, logger } = options
  const filters: Readonly<Record<EntityKind, IdFilter>> = {
    order: createFilter('order'),
    product: createFilter('product'),
  }
  let isFollowing = false

  function createFilter(kind: EntityKind): IdFilter {
    return createIdFilter({
      logger,
      loadPage: async after => {
        const variables = { after: after ?? null }
        const { data } = await gateway.runAsService(DOCUMENTS[kind], variables, { required: NO_POSITIONS })
        return data.ids
      },
    })
  }

  function addCreated(messages: readonly BusMessage[]): void {
    for (const message of messages) {
      const orderId = message.type === 'OrderPlaced' ? orderIdOf(message) : undefined
      if (orderId) filters.order.add(orderId)
      if (message.type === 'ProductAdded') filters.product.add(message.stream.slice(STOCK.length))
    }
  }

  /** Entities created while the bus was not followed are missing, so all ids are loaded anew. */
  function refill(): void {
    isFollowing = true
    for (const filter of Object.values(filters)) void filter.fill()
  }

  const subscriptions = [
    follower.listen(addCreated),
    follower.onFollow(refill),
    follower.onGap(() => {
      isFollowing = false
    }),
  ]
  return {
    mayExist({ kind, id }, required) {
      const topic = TOPICS[kind]
      const hasHeardAll = isFollowing && (follower.heard()[topic] ?? 0) >= (required[topic] ?? 0)
      return !hasHeardAll || filters[kind].mayExist(id)
    },
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]()
      for (const filter of Object.values(filters)) await filter[Symbol.asyncDispose]()
    },
  }
}
