// A mobile app that keeps a copy of its customer's orders, as the guide to delta sync describes.
import { formatToken, parseToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import type { Order, OrderChanges } from '#schema/generated/bff-mobile.ts'
import type { GraphqlResponse, PlatformClient } from '#testbed/shop-client.ts'

type Card = Pick<Order, 'id' | 'title' | 'statusText'>
type Sync = Omit<OrderChanges, 'changed'> & { readonly changed: readonly Card[] }

export type SyncClient = {
  /** The customer's orders by id, as of the last sync. */
  readonly copy: ReadonlyMap<string, Card>
  readonly cursor: string | null
  ask<T>(query: string, variables?: object): Promise<GraphqlResponse<T>>
  /** Asks until there is no more; the answers. */
  sync(first?: number): Promise<Sync[]>
  /** Goes on from another cursor, as a phone that was put away at that time. */
  rewind(cursor: string): void
}

const CHANGES = `query ($cursor: String, $first: Int) { changesSince(cursor: $cursor, first: $first) {
  changed { id title statusText } removed cursor hasMore reset } }`

export function openSyncClient(
  graphs: PlatformClient,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): SyncClient {
  const copy = new Map<string, Card>()
  let cursor: string | null = null
  let reached = {}

  async function ask<T>(query: string, variables: object = {}): Promise<GraphqlResponse<T>> {
    const own = { ...headers, 'waybill-consistency': formatToken(reached) }
    const reply = await graphs.send<T>('bff-mobile', token, query, variables, own)
    reached = mergePositions(reached, parseToken(reply.headers.get('waybill-consistency') ?? undefined))
    return reply
  }

  async function step(first: number | undefined): Promise<Sync> {
    const { data, errors } = await ask<{ changesSince: Sync }>(CHANGES, { cursor, first })
    if (errors) throw new Error(`${errors[0]?.extensions.code}: ${errors[0]?.message}`)
    const { changesSince } = data
    if (changesSince.reset) copy.clear()
    for (const card of changesSince.changed) copy.set(card.id, card)
    for (const id of changesSince.removed) copy.delete(id)
    cursor = changesSince.cursor
    return changesSince
  }

  return {
    copy,
    get cursor() {
      return cursor
    },
    ask,
    async sync(first) {
      const answers = [await step(first)]
      while (answers.at(-1)?.hasMore) answers.push(await step(first))
      return answers
    },
    rewind(to) {
      cursor = to
    },
  }
}
