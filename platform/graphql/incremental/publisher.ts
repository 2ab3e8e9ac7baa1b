// Puts the parts of a response in order: which are announced, what of them is ready, and which are complete or have failed.
import type { GraphQLError, SelectionNode } from 'graphql'

type PathKey = string | number

/** A deferred fragment of one object. */
export type DeferredPart = {
  readonly label: string | undefined
  /** The fragment, as it stands in the document. */
  readonly selection: SelectionNode
  readonly path: readonly PathKey[]
  /** The part that this one follows; undefined for one that follows the first. */
  readonly parent: DeferredPart | undefined
}

/** Fields that belong to all of `parts`, and are executed once. */
export type DeferredFields = {
  readonly parts: readonly DeferredPart[]
  /** The object that they are of. */
  readonly path: readonly PathKey[]
  run(): Promise<PartResult> | PartResult
}

export type PartResult = {
  /** Null when an error reached the top of the part. */
  readonly data: Readonly<Record<string, unknown>> | null
  readonly errors: readonly GraphQLError[]
  /** The fields that are deferred within it. */
  readonly later: readonly DeferredFields[]
}

type Errors = { readonly errors?: readonly GraphQLError[] }
type Pending = { readonly id: string; readonly path: readonly PathKey[]; readonly label?: string }
/** Data for the object at `subPath` within the path of the part `id`. */
type Increment = Errors & {
  readonly id: string
  readonly subPath?: readonly PathKey[]
  readonly data: Readonly<Record<string, unknown>>
}
type Completed = Errors & { readonly id: string }
export type Step = {
  readonly pending: readonly Pending[]
  readonly incremental: readonly Increment[]
  readonly completed: readonly Completed[]
  readonly hasNext: boolean
}

type State = {
  /** Undefined until it is announced. */
  id: string | undefined
  /** Fields that are not executed yet. */
  readonly waiting: Set<DeferredFields>
  readonly ready: Ready[]
  /** Announced once this one is complete. */
  readonly children: Set<DeferredPart>
  failure: readonly GraphQLError[] | undefined
  isComplete: boolean
}

type Ready = { readonly fields: DeferredFields; readonly result: PartResult; isSent: boolean }
type Outcome = { readonly fields: DeferredFields; readonly result: PartResult }

type Publisher = {
  readonly states: Map<DeferredPart, State>
  readonly started: Set<DeferredFields>
  readonly outcomes: Outcome[]
  /** Announced parts that are neither complete nor failed. */
  readonly open: Set<DeferredPart>
  ids: number
  wake: () => void
}

type Draft = {
  readonly pending: Pending[]
  readonly incremental: Increment[]
  readonly completed: Completed[]
}

export type PublishedParts = {
  /** The parts that the first result announces; empty when nothing is left to do. */
  readonly pending: readonly Pending[]
  /** Executes them. Ending it starts nothing any more. To be iterated once. */
  readonly steps: AsyncGenerator<Step, void, void>
}

/** Fields are executed once a part that they belong to is announced, and the steps are asked for. */
export function publish(later: readonly DeferredFields[]): PublishedParts {
  const publisher: Publisher = {
    states: new Map(),
    started: new Set(),
    outcomes: [],
    open: new Set(),
    ids: 0,
    wake() {},
  }
  const draft = emptyDraft()
  announce(publisher, addLater(publisher, later), draft)
  return { pending: draft.pending, steps: steps(publisher) }
}

async function* steps(publisher: Publisher): AsyncGenerator<Step, void, void> {
  while (publisher.open.size > 0) {
    startAnnounced(publisher)
    await nextOutcome(publisher)
    const draft = emptyDraft()
    for (const outcome of publisher.outcomes.splice(0)) settle(publisher, outcome, draft)
    const { pending, incremental, completed } = draft
    if (pending.length + incremental.length + completed.length > 0)
      yield { ...draft, hasNext: publisher.open.size > 0 }
  }
}

function emptyDraft(): Draft {
  return { pending: [], incremental: [], completed: [] }
}

/** Parts that become ready in the same turn go together. */
async function nextOutcome(publisher: Publisher): Promise<void> {
  if (publisher.outcomes.length === 0)
    await new Promise<void>(resolve => {
      publisher.wake = resolve
    })
  await new Promise(resolve => setImmediate(resolve))
}

function startAnnounced(publisher: Publisher): void {
  for (const part of publisher.open)
    for (const fields of stateOf(publisher, part).waiting) {
      if (publisher.started.has(fields)) continue
      publisher.started.add(fields)
      const end = (result: PartResult) => {
        publisher.outcomes.push({ fields, result })
        publisher.wake()
      }
      const result = fields.run()
      if (result instanceof Promise) void result.then(end)
      else end(result)
    }
}

function stateOf({ states }: Publisher, part: DeferredPart): State {
  const found = states.get(part)
  if (found) return found
  const made: State = {
    id: undefined,
    waiting: new Set(),
    ready: [],
    children: new Set(),
    failure: undefined,
    isComplete: false,
  }
  states.set(part, made)
  return made
}

/** Returns the parts that wait for no other part. */
function addLater(publisher: Publisher, later: readonly DeferredFields[]): Set<DeferredPart> {
  const first = new Set<DeferredPart>()
  for (const fields of later)
    for (const part of fields.parts) {
      stateOf(publisher, part).waiting.add(fields)
      addBelowParent(publisher, part, first)
    }
  return first
}

function addBelowParent(publisher: Publisher, part: DeferredPart, first: Set<DeferredPart>): void {
  const { parent } = part
  if (parent === undefined) {
    if (stateOf(publisher, part).id === undefined) first.add(part)
    return
  }
  stateOf(publisher, parent).children.add(part)
  addBelowParent(publisher, parent, first)
}

/** Announces parts, and instead of one that has no fields of its own those that follow it. */
function announce(publisher: Publisher, parts: Iterable<DeferredPart>, draft: Draft): void {
  for (const part of parts) {
    const state = stateOf(publisher, part)
    if (state.id !== undefined) continue
    if (state.waiting.size + state.ready.length === 0 && state.failure === undefined) {
      announce(publisher, state.children, draft)
      continue
    }
    state.id = String(publisher.ids++)
    const { path, label } = part
    draft.pending.push({ id: state.id, path, ...(label !== undefined && { label }) })
    publisher.open.add(part)
    if (state.failure) fail(publisher, part, { errors: state.failure, draft })
    else completeWhenReady(publisher, part, draft)
  }
}

function settle(publisher: Publisher, { fields, result }: Outcome, draft: Draft): void {
  if (result.data === null) {
    for (const part of fields.parts) fail(publisher, part, { errors: result.errors, draft })
    return
  }
  const ready: Ready = { fields, result, isSent: false }
  addLater(publisher, result.later)
  for (const part of fields.parts) {
    const state = stateOf(publisher, part)
    state.waiting.delete(fields)
    state.ready.push(ready)
  }
  for (const part of fields.parts) completeWhenReady(publisher, part, draft)
}

/** The parts within one that failed are never announced. */
function fail(
  publisher: Publisher,
  part: DeferredPart,
  { errors, draft }: { readonly errors: readonly GraphQLError[]; readonly draft: Draft },
): void {
  const state = stateOf(publisher, part)
  state.failure ??= errors
  if (state.id === undefined || state.isComplete) return
  state.isComplete = true
  publisher.open.delete(part)
  draft.completed.push({ id: state.id, errors })
}

function completeWhenReady(publisher: Publisher, part: DeferredPart, draft: Draft): void {
  const state = stateOf(publisher, part)
  const { id, waiting, ready, children, failure, isComplete } = state
  if (id === undefined || isComplete || failure || waiting.size > 0) return
  state.isComplete = true
  publisher.open.delete(part)
  for (const one of ready) {
    if (one.isSent) continue
    one.isSent = true
    draft.incremental.push(incrementOf(publisher, one))
  }
  draft.completed.push({ id })
  announce(publisher, children, draft)
}

/** Data is sent for the announced part that is nearest to its object. */
function incrementOf(publisher: Publisher, { fields, result }: Ready): Increment {
  const announced = fields.parts.flatMap(part => {
    const { id, failure } = stateOf(publisher, part)
    return id === undefined || failure ? [] : [{ id, depth: part.path.length }]
  })
  const nearest = announced.reduce((best, one) => (one.depth > best.depth ? one : best))
  const subPath = fields.path.slice(nearest.depth)
  return {
    id: nearest.id,
    ...(subPath.length > 0 && { subPath }),
    data: result.data ?? {},
    ...(result.errors.length > 0 && { errors: result.errors }),
  }
}
