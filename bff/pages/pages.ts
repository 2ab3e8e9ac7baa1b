// Serves a front end's pages out of the cache: loaded once for all callers, and current for each of them.
import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { createConsistentReadLimit, type LimitConsistentRead } from '#bff/pages/consistent-read-limit.ts'
import type { GatewayClient } from '#bff/pages/gateway-client.ts'
import type { ReadYourWrites } from '#bff/pages/read-your-writes.ts'
import type { Cache, GetOptions, LoadResult } from '#platform/cache/cache.ts'
import { mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import { failureOf, type RemoteError, type TypedDocument } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'

/** A gateway query whose result is cached by its variables and shared by all callers, who are authorised on the result. */
export type Page<Result, Variables> = {
  /** The page's name in the cache, unique in its BFF. A change of the document's shape needs a new one. */
  readonly name: string
  readonly document: TypedDocument<Result, Variables>
  readonly ttlMs: number
  readonly staleMs?: number
  /** The tags of the changes that drop the page; `of` adds those that only the result tells. */
  readonly tags: {
    always(variables: Variables): readonly string[]
    of?(result: Result, variables: Variables): readonly string[]
  }
  /**
   * Returns false when the result says that there is no such thing; left out for what is always there. A failed root
   * field is an error all the same.
   */
  isThere?(result: Result): boolean
}

/** Declares a page, whose result and variables are those of its document. */
export function definePage<Result, Variables>(page: Page<Result, Variables>): Page<Result, Variables> {
  return page
}

/** How long a page counts as current, and how long after that it is served while it is loaded anew. */
type Lifetime = { readonly ttlMs?: number | undefined; readonly staleMs?: number | undefined }

type PageResult<Result> = {
  /** Undefined when there is no such thing. Shared by callers: never change it. */
  readonly data: Result | undefined
  /** The fields that failed, by path. With any, `data` is partial and was not cached. */
  readonly errors: readonly RemoteError[]
}

/** Returns the data of a page without sections. Throws when any part of it failed. */
export function whole<Result>({ data, errors }: PageResult<Result>): Result | undefined {
  if (errors[0]) throw failureOf(errors[0], 'gateway')
  return data
}

type Command<Result, Variables> = {
  readonly document: TypedDocument<Result, Variables>
  readonly variables: Variables
  /** Returns the tags of the pages that show the result from now on. */
  readonly touches: (result: Result) => readonly string[]
}

export type Pages = {
  /**
   * Returns a page that shows the positions that `context` requires and the caller's own commands. Throws CallerError
   * UNAVAILABLE when it can be neither loaded nor served stale.
   */
  read<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<PageResult<Result>>
  /** Returns a page that shows everything up to `positions`, on behalf of no caller. */
  readFor<Result, Variables>(
    page: Page<Result, Variables>,
    variables: Variables,
    positions: PositionVector,
  ): Promise<PageResult<Result>>
  /** Returns how far the bus is received: whatever is read from now on shows it. */
  positions(): Promise<PositionVector>
  /** Sends a query in the caller's name, past the cache. */
  run<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<Result>
  /** Sends a mutation in the caller's name, and drops the pages that it touches. */
  command<Result, Variables>(command: Command<Result, Variables>, context: RequestContext): Promise<Result>
  /** Caches a page that the result of a command holds whole. To be called after `command`, with its context. */
  put<Result, Variables>(
    page: Page<Result, Variables>,
    content: { readonly variables: Variables; readonly result: Result },
    context: RequestContext,
  ): void
}

type PagesOptions = {
  readonly gateway: GatewayClient
  readonly cache: Cache
  readonly follower: BusFollower
  readonly readYourWrites: ReadYourWrites
  /** Returns the lifetimes that replace the page's own ones, if any. */
  readonly lifetimeOf?: (page: string) => Lifetime | undefined
}

type State = PagesOptions & {
  readonly limitConsistentRead: LimitConsistentRead
  /** How far the bus was received when a command began, which its result contains at least. */
  readonly commandStarts: WeakMap<RequestContext, PositionVector>
}

type PageRequest<Result, Variables> = {
  readonly page: Page<Result, Variables>
  readonly variables: Variables
  readonly required: PositionVector
  /** The client that is charged for a load. */
  readonly client?: EndClient | undefined
}

const NOT_THERE: PageResult<never> = { data: undefined, errors: [] }

export function createPages(options: PagesOptions): Pages {
  const limitConsistentRead = createConsistentReadLimit(options.follower.heard)
  const state: State = { ...options, limitConsistentRead, commandStarts: new WeakMap() }
  const { gateway, follower } = state
  return {
    read: (page, variables, context) =>
      readAsCaller(state, { page, variables, required: requiredBy(state, context) }, context),
    async readFor(page, variables, positions) {
      return (await get(state, { page, variables, required: positions })).value ?? NOT_THERE
    },
    async positions() {
      await follower.touch()?.catch(() => {}) // without the bus, the last positions still hold
      return { ...follower.heard() }
    },
    async run(document, variables, context) {
      context.sources.uncacheable = true
      const consistency = { ...context.consistency, required: requiredBy(state, context) }
      return gateway.run(document, variables, { ...context, consistency })
    },
    command: (command, context) => runCommand(state, command, context),
    put(page, { variables, result }, context) {
      const at = mergePositions(state.commandStarts.get(context) ?? {}, { ...context.consistency.seen })
      const request = { page, variables, required: at }
      state.cache.put(
        cacheKey(request),
        { data: result, errors: [] },
        { ...cacheOptions(state, request), at },
      )
    },
  }
}

function requiredBy({ readYourWrites }: State, { viewer, consistency }: RequestContext): PositionVector {
  return readYourWrites.required(viewer, consistency.required)
}

async function readAsCaller<Result, Variables>(
  state: State,
  request: PageRequest<Result, Variables>,
  context: RequestContext,
): Promise<PageResult<Result>> {
  const { page, variables, required } = request
  const { sources, client } = context
  const { value, lease } = await state.limitConsistentRead(context, required, admitted =>
    get(state, { page, variables, required: admitted, client }),
  )
  if (lease) sources.leases.push(lease)
  else sources.uncacheable = true
  return value ?? NOT_THERE
}

async function get<Result, Variables>(state: State, request: PageRequest<Result, Variables>) {
  await state.follower.touch()?.catch(() => {}) // without the bus, the cache keeps nothing and every page is loaded
  return state.cache.get(cacheKey(request), () => load(state.gateway, request), cacheOptions(state, request))
}

async function load<Result, Variables>(
  gateway: GatewayClient,
  { page, variables, required, client }: PageRequest<Result, Variables>,
): Promise<LoadResult<PageResult<Result>>> {
  const { data, errors, stale } = await gateway.runAsService(page.document, variables, { required, client })
  const failedRoot = errors.find(({ path }) => (path?.length ?? 0) <= 1)
  const at = stale.length === 0 ? { at: required } : {}
  if (page.isThere?.(data) ?? true) return { value: { data, errors }, keep: errors.length === 0, ...at }
  if (failedRoot ?? errors[0]) throw failureOf(failedRoot ?? errors[0] ?? { message: '' }, 'gateway')
  return { value: undefined, ...at }
}

function cacheKey<Result, Variables>({ page, variables }: PageRequest<Result, Variables>): string {
  return `${page.name}:${JSON.stringify(variables)}`
}

function cacheOptions<Result, Variables>(
  { lifetimeOf }: State,
  { page, variables, required }: PageRequest<Result, Variables>,
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

async function runCommand<Result, Variables>(
  { gateway, cache, readYourWrites, commandStarts }: State,
  { document, variables, touches }: Command<Result, Variables>,
  context: RequestContext,
): Promise<Result> {
  context.sources.uncacheable = true
  commandStarts.set(context, { ...cache.observed() })
  const result = await gateway.run(document, variables, context)
  const { seen } = context.consistency
  readYourWrites.record(context.viewer, seen)
  cache.invalidate(touches(result), seen)
  return result
}
