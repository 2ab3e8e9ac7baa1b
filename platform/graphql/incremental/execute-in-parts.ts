// Executes an operation for a client that accepts its response in parts, in the form that it asks for.
import { type ExecutionResult, execute, type GraphQLError } from 'graphql'
import { hasDefer } from '#platform/graphql/incremental/defer-directive.ts'
import {
  executeFirstPart,
  type IncrementalArgs,
} from '#platform/graphql/incremental/incremental-execution.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'
import {
  type PartResult,
  type PublishedParts,
  publish,
  type Step,
} from '#platform/graphql/incremental/publisher.ts'

type PathPart = {
  readonly path: readonly (string | number)[]
  readonly label?: string
  readonly data: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly GraphQLError[]
}
/** A result of a part after the first, in either form. Members that are empty are left out. */
export type LaterResult = {
  readonly hasNext: boolean
  readonly pending?: PublishedParts['pending']
  readonly incremental?: readonly (Step['incremental'][number] | PathPart)[]
  readonly completed?: Step['completed']
}

type ResultInParts = {
  readonly initialResult: ExecutionResult & { readonly hasNext: true }
  /** Executes the rest, step by step. Ending it starts nothing any more. */
  readonly subsequentResults: AsyncGenerator<LaterResult, void, void>
}

/** Returns a single result when nothing is deferred after all. */
export async function executeInParts(
  args: Omit<IncrementalArgs, 'repeats'>,
  form: PartsForm,
): Promise<ExecutionResult | ResultInParts> {
  if (!hasDefer(args.document)) return execute(args)
  const first = await executeFirstPart({ ...args, repeats: form === 'paths' })
  return 'data' in first ? inParts(first, form) : first
}

/** Returns the results of a response whose first part has been executed; a single one when no other part is left. */
export function inParts(
  { data, errors, later }: PartResult,
  form: PartsForm,
): ExecutionResult | ResultInParts {
  const result = { ...(errors.length > 0 && { errors }), data: data && { ...data } }
  const { pending, steps } = publish(later)
  if (pending.length === 0) return result
  const announced = form === 'ids' && { pending }
  return {
    initialResult: { ...result, ...announced, hasNext: true },
    subsequentResults: form === 'ids' ? byIds(steps) : byPaths(steps, pending),
  }
}

async function* byIds(steps: PublishedParts['steps']): ResultInParts['subsequentResults'] {
  for await (const { pending, incremental, completed, hasNext } of steps)
    yield {
      ...(pending.length > 0 && { pending }),
      ...(incremental.length > 0 && { incremental }),
      ...(completed.length > 0 && { completed }),
      hasNext,
    }
}

/** Every part has its fields to itself in this form, and so an increment of its own. */
async function* byPaths(
  steps: PublishedParts['steps'],
  first: PublishedParts['pending'],
): ResultInParts['subsequentResults'] {
  const parts = new Map(first.map(part => [part.id, part]))
  const at = (id: string) => {
    const { path = [], label } = parts.get(id) ?? {}
    return { path, ...(label !== undefined && { label }) }
  }
  for await (const { pending, incremental, completed, hasNext } of steps) {
    for (const part of pending) parts.set(part.id, part)
    const ready = incremental.map(({ id, subPath: _whole, ...rest }) => ({ ...rest, ...at(id) }))
    const failed = completed.flatMap(({ id, errors }) => (errors ? [{ data: null, errors, ...at(id) }] : []))
    const all = [...ready, ...failed]
    if (all.length > 0 || !hasNext) yield { ...(all.length > 0 && { incremental: all }), hasNext }
  }
}
