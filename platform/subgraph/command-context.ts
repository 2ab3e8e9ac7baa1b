// Names the command behind a mutation, so that a repeat of it is recognised.
import { requireViewer } from '#platform/auth/viewer.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandContext } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { checkKey } from '#platform/subgraph/input.ts'

type MutationCall = {
  readonly mutation: string
  readonly idempotencyKey: string
  /** A command that repeats the key must have an equal body. */
  readonly body: Json
}

/**
 * Returns the context of the command: the same key of the same caller for the same mutation names the same command for
 * ever. An idempotency key belongs to its caller; services share theirs.
 */
export function commandContext(
  { viewer, meta }: Pick<RequestContext, 'viewer' | 'meta'>,
  { mutation, idempotencyKey, body }: MutationCall,
): CommandContext {
  const { role, subject } = requireViewer(viewer)
  const owner = role === 'service' ? role : subject
  return { key: `${owner}:${mutation}:${checkKey(idempotencyKey)}`, body, meta }
}
