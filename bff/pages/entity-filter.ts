// Which orders and products there are, so that a made-up id costs no request: filled from the gateway, kept by the bus.
import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { orderIdOf } from '#bff/bus/message-ids.ts'
import type { GatewayClient } from '#bff/pages/gateway-client.ts'
import { createIdFilter, type IdFilter } from '#bff/pages/id-filter.ts'
import type { Entity, EntityKind } from '#bff/pages/pages.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
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

export type EntityFilter = AsyncDisposable & {
  /** False only when there is surely no such thing among all that happened up to `required`. */
  mayExist(subject: Entity, required: PositionVector): boolean
}

export function createEntityFilter(options: {
  readonly gateway: GatewayClient
  readonly follower: BusFollower
  readonly logger: Logger
}): EntityFilter {
  const { gateway, follower, logger } = options
  const known: Readonly<Record<EntityKind, IdFilter>> = { order: idsOf('order'), product: idsOf('product') }
  let following = false

  function idsOf(kind: EntityKind): IdFilter {
    return createIdFilter({
      logger,
      loadPage: async after => {
        const { data } = await gateway.runAsService(DOCUMENTS[kind], { after: after ?? null }, {})
        return data.ids
      },
    })
  }

  function hear(messages: readonly BusMessage[]): void {
    for (const message of messages) {
      const orderId = message.type === 'OrderPlaced' ? orderIdOf(message) : undefined
      if (orderId) known.order.add(orderId)
      if (message.type === 'ProductAdded') known.product.add(message.stream.slice(STOCK.length))
    }
  }

  /** What is created while nobody listens is not known: then everything may exist, until the ids are read anew. */
  function begin(): void {
    following = true
    for (const ids of Object.values(known)) void ids.fill()
  }

  const heard = follower.listen(hear)
  const began = follower.onFollow(begin)
  const ended = follower.onGap(() => {
    following = false
  })
  return {
    mayExist({ kind, id }, required) {
      const topic = TOPICS[kind]
      const allHeard = following && (follower.heard()[topic] ?? 0) >= (required[topic] ?? 0)
      return !allHeard || known[kind].mayExist(id)
    },
    async [Symbol.asyncDispose]() {
      for (const listening of [heard, began, ended]) listening[Symbol.dispose]()
      for (const ids of Object.values(known)) await ids[Symbol.asyncDispose]()
    },
  }
}
