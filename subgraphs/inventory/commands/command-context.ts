// What every mutation of inventory does alike: its key, what it tells the caller to ask for next, its refusals. Free of rules.
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { checkKey } from '#subgraphs/inventory/commands/input.ts'

const SERVICE = 'inventory'

type Asked = {
  readonly viewer: Viewer
  readonly mutation: string
  readonly idempotencyKey: string
  readonly body: Json
}

/** The same key of the same viewer for the same mutation names the same command for ever. */
export function commandOf(
  { meta }: RequestContext,
  { viewer, mutation, idempotencyKey, body }: Asked,
): CommandContext {
  const owner = viewer.role === 'service' ? 'service' : viewer.subject
  return { key: `${owner}:${mutation}:${checkKey(idempotencyKey)}`, body, meta }
}

/** Lets the caller's next query wait for what this command wrote. */
export function noteReached({ consistency }: RequestContext, handled: { readonly position: number }): void {
  consistency.reached(SERVICE, handled.position)
}
