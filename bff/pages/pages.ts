// Pages of a front end out of the cache: read once for everybody, current for whoever reads. Free of any page's content.

import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { createConsistentReadLimit } from '#bff/pages/consistent-read-limit.ts'
import type { GatewayClient } from '#bff/pages/gateway-client.ts'
import type { ReadYourWrites } from '#bff/pages/read-your-writes.ts'
import type { Cache, GetOptions, LoadResult } from '#platform/cache/cache.ts'
import { mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import { failureOf, type RemoteError, type TypedDocument } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'

/** One gateway query whose answer is kept under its variables, for everybody: who sees it is decided on its value. */
export type Page<Result, Variables> = {
  /** Names the page in the cache: no other page of this BFF has it. A change of the document's shape needs a new one. */
  readonly name: string
  readonly document: TypedDocument<Result, Variables>
  readonly ttlMs: number
  readonly staleMs?: number
  /** What it depends on; `of` adds what the answer tells. */
  readonly tags: {
    always(variables: Variables): readonly string[]
    of?(result: Result, variables: Variables): readonly string[]
  }
  /** False: there is no such thing. A failed root field is an error, whatever this says. */
  isThere(result: Result): boolean
  /** What the page is about, if that can be known not to exist without asking. */
  entity?(variables: Variables): Entity
}

/** How long a page counts as current, and how long after that it is served while it is loaded anew. */
export type Lifetime = { readonly ttlMs?: number | undefined; readonly staleMs?: number | undefined }

export type Entity = { readonly kind: EntityKind; readonly id: string }
export type EntityKind = 'order' | 'product'

export type PageResult<Result> = {
  /** Undefined: not there. Shared: never changed. */
  readonly data: Result | undefined
  /** Fields that failed, by path. Then `data` is partial, and was kept nowhere. */
  readonly errors: readonly RemoteError[]
}

export type Pages = {
  /** Shows what `context` requires and what its caller was told of. Throws CallerError UNAVAILABLE when there is none to be had. */
  read<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<PageResult<Result>>
  /** For nobody in particular, with all that happened up to `positions`. */
  readFor<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    positions: PositionVector,
  ): Promise<PageResult<Result>>
  /** How far the bus has been heard: whatever is read from now on shows it. */
  positions(): Promise<PositionVector>
  /** A query in the caller's name, past the cache. */
  run<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<Result>
  /** A mutation in the caller's name. Views with the tags that `touches` names show it from now on. */
  command<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    context: RequestContext,
    touches: (result: Result) => readonly string[],
  ): Promise<Result>
  /** Keeps a page that a command's result holds whole. After `command`, with its context. */
  put<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    result: Result,
    context: RequestContext,
  ): void
}

export type PagesOptions = {
  readonly gateway: GatewayClient
  readonly cache: Cache
  readonly follower: BusFollower
  readonly recent: ReadYourWrites
  /** False only when there is surely nothing of that id among all that happened up to `required`. */
  readonly mayExist: (subject: Entity, required: PositionVector) => boolean
  /** What holds now in place of a page's own times; those when left out. */
  readonly lifetimeOf?: (page: string) => Lifetime | undefined
}

const NOT_THERE: PageResult<never> = { data: undefined, errors: [] }

export function createPages(options: PagesOptions): Pages {
  const { gateway, cache, follower, recent, mayExist, lifetimeOf } = options
  const readAhead = createConsistentReadLimit(follower.heard)
  /** How far the bus was heard when a command began: what its result contains at the least. */
  const begun = new WeakMap<RequestContext, PositionVector>()

  async function load<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    required: PositionVector,
    client: EndClient | undefined,
  ): Promise<LoadResult<PageResult<Result>>> {
    const { data, errors, stale } = await gateway.runAsService(page.document, variables, required, client)
    const failedRoot = errors.find(({ path }) => (path?.length ?? 0) <= 1)
    const at = stale.length === 0 ? { at: required } : {}
    if (page.isThere(data)) return { value: { data, errors }, keep: errors.length === 0, ...at }
    if (failedRoot ?? errors[0]) throw failureOf(failedRoot ?? errors[0] ?? { message: '' }, 'gateway')
    return { value: undefined, ...at }
  }

  function optionsOf<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    required: PositionVector,
  ): GetOptions<PageResult<Result>> {
    const { name, tags } = page
    const { ttlMs = page.ttlMs, staleMs = page.staleMs } = lifetimeOf?.(name) ?? {}
    return {
      ttlMs,
      ...(staleMs !== undefined && { staleMs }),
      required,
      tags: {
        always: tags.always(variables),
        of: ({ data }) => (data === undefined ? [] : (tags.of?.(data, variables) ?? [])),
      },
    }
  }

  async function get<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    required: PositionVector,
    client?: EndClient,
  ) {
    await follower.touch()?.catch(() => {}) // then nothing is kept, and everything is loaded
    return cache.get(
      keyOf(page, variables),
      () => load(page, variables, required, client),
      optionsOf(page, variables, required),
    )
  }

  return {
    async read(page, variables, context) {
      const { sources } = context
      const required = recent.required(context.viewer, context.consistency.required)
      const subject = page.entity?.(variables)
      if (subject && !mayExist(subject, required)) {
        sources.uncacheable = true
        return NOT_THERE
      }
      const { value, lease } = await readAhead(context, required, admitted =>
        get(page, variables, admitted, context.client),
      )
      if (lease) sources.leases.push(lease)
      else sources.uncacheable = true
      return value ?? NOT_THERE
    },
    async readFor(page, variables, positions) {
      return (await get(page, variables, positions)).value ?? NOT_THERE
    },
    async positions() {
      await follower.touch()?.catch(() => {}) // then it is what was heard last
      return { ...follower.heard() }
    },
    async run(document, variables, context) {
      context.sources.uncacheable = true
      const required = recent.required(context.viewer, context.consistency.required)
      return gateway.run(document, variables, {
        ...context,
        consistency: { ...context.consistency, required },
      })
    },
    async command(document, variables, context, touches) {
      context.sources.uncacheable = true
      begun.set(context, { ...cache.observed() })
      const result = await gateway.run(document, variables, context)
      const { seen } = context.consistency
      recent.record(context.viewer, seen)
      cache.invalidate(touches(result), seen)
      return result
    },
    put(page, variables, result, context) {
      const { seen } = context.consistency
      const at = mergePositions(begun.get(context) ?? {}, { ...seen })
      const value: PageResult<typeof result> = { data: result, errors: [] }
      cache.put(keyOf(page, variables), value, { ...optionsOf(page, variables, at), at })
    },
  }
}

function keyOf<Result, Variables>({ name }: Page<Result, Variables>, variables: Variables): string {
  return `${name}:${JSON.stringify(variables)}`
}
