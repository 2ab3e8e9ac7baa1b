// Writes a response's data as JSON text, in one pass, with names, order, nulls and errors as the specification says.
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
import type { Completion, ExecutionError, PathKey, WriteValue } from '#gateway/executor/execution.ts'
import { addError, compileLeaf, type HiddenValues } from '#gateway/executor/leaf-values.ts'
import { ResponseTooLarge } from '#gateway/executor/response-limit.ts'
import {
  type CollectedField,
  createFieldCollector,
  type Selected,
} from '#gateway/planner/normalization/collect-fields.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import { isObject } from '#platform/domain/json.ts'

type FieldWriter = {
  readonly key: string
  /** The field's key in the data of the subgraphs. */
  readonly from: string
  readonly quoted: string
  readonly isIncluded: CollectedField['isIncluded']
  readonly write: WriteValue
}

/** Returns an object's fields in the order of the response. */
type FieldsInOrder = (variables: Completion['variables']) => readonly FieldWriter[]

type CompletionOptions = {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Parameters<typeof createFieldCollector>[0]['fragments']
  /** Fields that are written as null, whatever the data has. */
  readonly withheld: ReadonlySet<FieldNode>
  /** Returns the field's key in the data of the subgraphs. */
  readonly nameOf: PlanNames['nameOf']
  readonly hidden: HiddenValues
  /** The most characters of a list's text: past them ResponseTooLarge is thrown. */
  readonly maxText: number
}

/** The settings that all writers of the operation are compiled with. */
type Compiler = Pick<CompletionOptions, 'schema' | 'nameOf' | 'hidden' | 'maxText'> & {
  readonly collect: ReturnType<typeof createFieldCollector>
}

/** The selections of a value, and the name of its field, as `Type.field`, for messages. */
type Position = { readonly selected: readonly Selected[]; readonly parent: string }

/**
 * Returns the function that writes the whole `data`: 'null' when a null reaches the root. Root fields of introspection are
 * written as they are.
 */
export function compileCompletion(options: CompletionOptions): WriteValue {
  const { schema, operation } = options
  const root = schema.getRootType(operation.operation)
  if (!root) return () => 'null'
  const compiler = { ...options, collect: createFieldCollector(options) }
  const selected = [{ set: operation.selectionSet, conditions: [] }]
  const write = compileObject(root, { selected, parent: root.name }, compiler)
  return (value, completion) => write(value, completion) ?? 'null'
}

function compileType(type: GraphQLOutputType, position: Position, compiler: Compiler): WriteValue {
  if (isNonNullType(type)) {
    const { ofType } = type
    const { parent } = position
    const inner = isLeafType(ofType)
      ? compileLeaf(ofType, { parent, hidden: compiler.hidden, nullable: false })
      : compileInner(ofType, position, compiler)
    return notNull(inner, parent)
  }
  const inner = compileInner(type, position, compiler)
  return (value, completion) =>
    value === null || value === undefined ? 'null' : (inner(value, completion) ?? 'null')
}

function compileInner(type: GraphQLOutputType, position: Position, compiler: Compiler): WriteValue {
  const { parent } = position
  const { hidden, maxText } = compiler
  if (isNonNullType(type)) return compileType(type, position, compiler)
  if (isListType(type)) return list(compileType(type.ofType, position, compiler), parent, maxText)
  if (isLeafType(type)) return compileLeaf(type, { parent, hidden, nullable: true })
  return isAbstractType(type)
    ? compileAbstract(type, position, compiler)
    : compileObject(type, position, compiler)
}

function compileObject(type: GraphQLCompositeType, position: Position, compiler: Compiler): WriteValue {
  // Types may be recursive, while selections are not.
  return object(
    lazily(() => compileFields(type, position.selected, compiler)),
    position.parent,
  )
}

/** Writes an object by its runtime type. One whose type the public graph does not have is null. */
function compileAbstract(type: GraphQLAbstractType, position: Position, compiler: Compiler): WriteValue {
  const writers = new Map<unknown, WriteValue>()
  return (value, completion) => {
    const typename = isObject(value) ? value.__typename : undefined
    let write = writers.get(typename)
    if (write === undefined) {
      const found = typeToWrite(type, typename, compiler)
      if (found === undefined) return undefined
      write = compileObject(found, position, compiler)
      writers.set(typename, write)
    }
    return write(value, completion)
  }
}

/**
 * Where the response depends on the type of the object, the plan fetches it. Otherwise there is none, or that of an
 * interface object: then the fields that all of its types have in common are written.
 */
function typeToWrite(
  type: GraphQLAbstractType,
  typename: unknown,
  { schema }: Compiler,
): GraphQLCompositeType | undefined {
  if (typename === undefined) return type
  const found = typeof typename === 'string' ? schema.getType(typename) : undefined
  if (isObjectType(found)) return schema.isSubType(type, found) ? found : undefined
  return isAbstractType(found) ? type : undefined
}

function compileFields(
  type: GraphQLCompositeType,
  selected: readonly Selected[],
  compiler: Compiler,
): FieldsInOrder {
  const collected = compiler.collect(type, selected)
  return inOrder(
    collected,
    collected.map(field => compileField(field, type, compiler)),
  )
}

function compileField(field: CollectedField, type: GraphQLCompositeType, compiler: Compiler): FieldWriter {
  const { key, node, fieldType, isIncluded, isGranted, inner } = field
  const name = node.name.value
  const writer = { key, from: compiler.nameOf(node), quoted: `${JSON.stringify(key)}:`, isIncluded }
  if (name === '__typename')
    return { ...writer, write: isAbstractType(type) ? unknownType : constant(type.name) }
  if (fieldType === undefined) return { ...writer, write: asItIs }
  const write = compileType(fieldType, { selected: inner, parent: `${type.name}.${name}` }, compiler)
  if (isGranted === undefined) return { ...writer, write }
  const whenWithheld = isNonNullType(fieldType) ? undefined : 'null'
  return { ...writer, write: ifGranted(isGranted, write, whenWithheld) }
}

/** The order depends on variables only where a field is selected several times, under conditions. */
function inOrder(collected: readonly CollectedField[], writers: readonly FieldWriter[]): FieldsInOrder {
  if (collected.every(({ position }) => position === undefined)) return () => writers
  let known:
    | { readonly variables: Completion['variables']; readonly ordered: readonly FieldWriter[] }
    | undefined
  return variables => {
    if (known?.variables === variables) return known.ordered
    const positioned = collected.map(({ position, first }, index) => ({
      at: position?.(variables) ?? first,
      writer: writers[index],
    }))
    positioned.sort((one, other) => one.at - other.at)
    const ordered = positioned.flatMap(({ writer }) => writer ?? [])
    known = { variables, ordered }
    return ordered
  }
}

/** The report on withheld fields has the error for a field: its null is no second one. */
function ifGranted(
  isGranted: NonNullable<CollectedField['isGranted']>,
  write: WriteValue,
  whenWithheld: 'null' | undefined,
): WriteValue {
  return (value, completion) => (isGranted(completion.variables) ? write(value, completion) : whenWithheld)
}

function constant(name: string): WriteValue {
  const text = JSON.stringify(name)
  return () => text
}

function unknownType(_: unknown, completion: Completion): undefined {
  return addError(completion, 'No subgraph returned the type of the object.')
}

/** The data of introspection is complete already. */
function asItIs(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

/** Returns a function that makes the value when it is first needed. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function object(fields: () => FieldsInOrder, parent: string): WriteValue {
  return writeOnce((value, completion) => {
    if (!isObject(value))
      return addError(completion, `${parent} is an object, but the subgraph returned something else`)
    const { errors, variables } = completion
    let text = ''
    for (const { key, from, quoted, isIncluded, write } of fields()(variables)) {
      if (isIncluded !== undefined && !isIncluded(variables)) continue
      const before = errors.length
      const written = write(value[from], completion)
      if (errors.length !== before) prefixPaths(errors, before, key)
      if (written === undefined) return undefined
      text += text === '' ? `{${quoted}${written}` : `,${quoted}${written}`
    }
    return text === '' ? '{}' : `${text}}`
  })
}

/** Only lists make a response much larger than the data of the subgraphs: one entity may stand at many positions. */
function list(write: WriteValue, parent: string, maxText: number): WriteValue {
  return writeOnce((value, completion) => {
    if (!Array.isArray(value))
      return addError(completion, `${parent} is a list, but the subgraph returned something else`)
    const { errors } = completion
    let text = ''
    for (let index = 0; index < value.length; index++) {
      const before = errors.length
      const written = write(value[index], completion)
      if (errors.length !== before) prefixPaths(errors, before, index)
      if (written === undefined) return undefined
      text += index === 0 ? written : `,${written}`
      if (text.length > maxText) throw new ResponseTooLarge()
    }
    return `[${text}]`
  })
}

/** Writes a shared object once, unless it has an error: that is reported at each position. */
function writeOnce(write: WriteValue): WriteValue {
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

function prefixPaths(errors: readonly ExecutionError[], from: number, key: PathKey): void {
  for (let index = from; index < errors.length; index++) errors[index]?.path?.unshift(key)
}
