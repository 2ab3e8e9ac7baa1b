// The answer as JSON text, in one pass over what the subgraphs gave: names, order, nulls and errors as the specification says.
import {
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type OperationDefinitionNode,
} from 'graphql'
import type { ExecutionError, PathKey, SharedValues } from '#gateway/executor/execution.ts'
import { compileLeaf, type HiddenValues } from '#gateway/executor/leaf-values.ts'
import { ResponseTooLarge } from '#gateway/executor/response-limit.ts'
import {
  type CollectedField,
  createFieldCollector,
  type Selected,
} from '#gateway/planner/normalization/collect-fields.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import { isObject } from '#platform/domain/json.ts'

/** Of one answer. A list may have a wrong value at each of its places. */
const MAX_ERRORS = 1000

export type Completion = {
  readonly errors: ExecutionError[]
  readonly variables: Readonly<Record<string, unknown>>
  /** What of the data stands in several places is written once. */
  readonly shared?: SharedValues
}

/** Undefined stands for a null where none may be: the next place above that may be null becomes it. */
export type WriteValue = (value: unknown, completion: Completion) => string | undefined

type FieldWriter = {
  readonly key: string
  /** Its key in what the subgraphs gave. */
  readonly from: string
  readonly quoted: string
  readonly isIncluded: CollectedField['isIncluded']
  readonly write: WriteValue
}

/** An object's fields in the order of the answer. */
type FieldsInOrder = (variables: Completion['variables']) => readonly FieldWriter[]

export type CompileCompletion = {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Parameters<typeof createFieldCollector>[0]['fragments']
  /** Fields of the operation that are written as null, whatever there is of them. */
  readonly withheld: ReadonlySet<FieldNode>
  /** What a field is called in what the subgraphs gave. */
  readonly nameOf: PlanNames['nameOf']
  readonly hidden: HiddenValues
  /** Characters of a list's text; past them AnswerTooLarge is thrown. */
  readonly maxText: number
}

/** Writes the whole `data`; 'null' when a null reaches the root. Root fields that introspection answers are written as they are. */
export function compileCompletion(options: CompileCompletion): WriteValue {
  const { schema, operation, nameOf, hidden, maxText } = options
  const collect = createFieldCollector(options)
  const root = schema.getRootType(operation.operation)
  if (!root) return () => 'null'

  function compileType(type: GraphQLOutputType, selected: readonly Selected[], parent: string): WriteValue {
    if (isNonNullType(type)) {
      const { ofType } = type
      const inner = isLeafType(ofType)
        ? compileLeaf(ofType, { parent, hidden, nullable: false })
        : compileInner(ofType, selected, parent)
      return notNull(inner, parent)
    }
    const inner = compileInner(type, selected, parent)
    return (value, completion) =>
      value === null || value === undefined ? 'null' : (inner(value, completion) ?? 'null')
  }

  function compileInner(type: GraphQLOutputType, selected: readonly Selected[], parent: string): WriteValue {
    if (isNonNullType(type)) return compileType(type, selected, parent)
    if (isListType(type)) return list(compileType(type.ofType, selected, parent), parent, maxText)
    if (isLeafType(type)) return compileLeaf(type, { parent, hidden, nullable: true })
    if (isAbstractType(type)) return compileAbstract(type, selected, parent)
    return object(
      lazily(() => compileFields(type, selected)),
      parent,
    )
  }

  /** By the type that the object turns out to have; one that the public graph does not know shows nothing. */
  function compileAbstract(
    type: GraphQLAbstractType,
    selected: readonly Selected[],
    parent: string,
  ): WriteValue {
    const known = new Map<unknown, WriteValue>()
    return (value, completion) => {
      const typename = isObject(value) ? value.__typename : undefined
      let write = known.get(typename)
      if (write === undefined) {
        const found = shownAs(type, typename)
        if (found === undefined) return undefined
        write = object(
          lazily(() => compileFields(found, selected)),
          parent,
        )
        known.set(typename, write)
      }
      return write(value, completion)
    }
  }

  /**
   * Where the operation's answer depends on the type of the object, the plan asks for it. Otherwise there is none, or
   * that of an object that stands for an interface in its subgraph: then what all of them have in common is shown.
   */
  function shownAs(type: GraphQLAbstractType, typename: unknown): GraphQLCompositeType | undefined {
    if (typename === undefined) return type
    const found = typeof typename === 'string' ? schema.getType(typename) : undefined
    if (isObjectType(found)) return schema.isSubType(type, found) ? found : undefined
    return isAbstractType(found) ? type : undefined
  }

  function compileFields(type: GraphQLCompositeType, selected: readonly Selected[]): FieldsInOrder {
    const collected = collect(type, selected)
    const writers = collected.map(({ key, node, fieldType, isIncluded, isGranted, inner }) => {
      const quoted = `${JSON.stringify(key)}:`
      const name = node.name.value
      const from = nameOf(node)
      const known = { key, from, quoted, isIncluded }
      if (name === '__typename')
        return { ...known, write: isAbstractType(type) ? unknownType : constant(type.name) }
      if (fieldType === undefined) return { ...known, write: asItIs }
      const write = compileType(fieldType, inner, `${type.name}.${name}`)
      if (isGranted === undefined) return { ...known, write }
      return { ...known, write: ifGranted(isGranted, write, isNonNullType(fieldType)) }
    })
    return inOrder(collected, writers)
  }

  const write = object(
    lazily(() => compileFields(root, [{ set: operation.selectionSet, conditions: [] }])),
    root.name,
  )
  return (value, completion) => write(value, completion) ?? 'null'
}

/** The order differs from one execution to the next only where a field is selected again behind a condition. */
function inOrder(collected: readonly CollectedField[], writers: readonly FieldWriter[]): FieldsInOrder {
  if (collected.every(({ position }) => position === undefined)) return () => writers
  let known:
    | { readonly variables: Completion['variables']; readonly ordered: readonly FieldWriter[] }
    | undefined
  return variables => {
    if (known?.variables === variables) return known.ordered
    const placed = collected.map(({ position, first }, index) => ({
      at: position?.(variables) ?? first,
      writer: writers[index],
    }))
    placed.sort((one, other) => one.at - other.at)
    const ordered = placed.flatMap(({ writer }) => writer ?? [])
    known = { variables, ordered }
    return ordered
  }
}

/** Whoever withholds a field reports it: its null is no second error. */
function ifGranted(
  granted: NonNullable<CollectedField['isGranted']>,
  write: WriteValue,
  required: boolean,
): WriteValue {
  const instead = required ? undefined : 'null'
  return (value, completion) => (granted(completion.variables) ? write(value, completion) : instead)
}

function constant(name: string): WriteValue {
  const text = JSON.stringify(name)
  return () => text
}

function unknownType(_: unknown, completion: Completion): undefined {
  return addError(completion, 'No subgraph told the type of the object.')
}

/** What introspection gave is complete already. */
function asItIs(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

/** Types may contain themselves; what of them is selected does not. */
function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function object(fields: () => FieldsInOrder, parent: string): WriteValue {
  return once((value, completion) => {
    if (!isObject(value))
      return addError(completion, `${parent} is an object; the subgraph gave something else`)
    const { errors, variables } = completion
    let text = ''
    for (const { key, from, quoted, isIncluded, write } of fields()(variables)) {
      if (isIncluded !== undefined && !isIncluded(variables)) continue
      const before = errors.length
      const written = write(value[from], completion)
      if (errors.length !== before) placeUnder(errors, before, key)
      if (written === undefined) return undefined
      text += text === '' ? `{${quoted}${written}` : `,${quoted}${written}`
    }
    return text === '' ? '{}' : `${text}}`
  })
}

/** Lists alone make an answer much larger than what the subgraphs gave: of one entity in many places. */
function list(write: WriteValue, parent: string, maxText: number): WriteValue {
  return once((value, completion) => {
    if (!Array.isArray(value))
      return addError(completion, `${parent} is a list; the subgraph gave something else`)
    const { errors } = completion
    let text = ''
    for (let index = 0; index < value.length; index++) {
      const before = errors.length
      const written = write(value[index], completion)
      if (errors.length !== before) placeUnder(errors, before, index)
      if (written === undefined) return undefined
      text += index === 0 ? written : `,${written}`
      if (text.length > maxText) throw new ResponseTooLarge()
    }
    return `[${text}]`
  })
}

/** What stands in several places is written once, unless there is an error in it: that is to be told at each place. */
function once(write: WriteValue): WriteValue {
  return (value, completion) => {
    const { shared, errors } = completion
    if (shared === undefined || !shared.has(value)) return write(value, completion)
    const known = shared.get(value)?.get(write)
    if (known !== undefined) return known
    const before = errors.length
    const written = write(value, completion)
    if (written === undefined || errors.length !== before) return written
    const texts = shared.get(value) ?? new Map<unknown, string>()
    shared.set(value, texts.set(write, written))
    return written
  }
}

function notNull(write: WriteValue, parent: string): WriteValue {
  return (value, completion) =>
    value === null || value === undefined
      ? addError(completion, `Cannot return null for non-nullable field ${parent}.`)
      : write(value, completion)
}

/** Its path is put together on the way up: there is none to keep while all goes well. */
export function addError({ errors }: Completion, message: string): undefined {
  if (errors.length < MAX_ERRORS) errors.push({ message, path: [], extensions: { code: 'INTERNAL' } })
  return undefined
}

function placeUnder(errors: readonly ExecutionError[], from: number, key: PathKey): void {
  for (let index = from; index < errors.length; index++) errors[index]?.path?.unshift(key)
}
