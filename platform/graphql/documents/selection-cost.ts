// Estimates how many values an operation asks for, by its selections and the sizes of its lists, before it runs.
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  valueFromAST,
} from 'graphql'
import { CallerError } from '#platform/domain/errors.ts'
import { fragmentsOf } from '#platform/graphql/documents/fragments.ts'

/** The size of a list whose field has no size argument. */
const ASSUMED_SIZE = 10
/** The size of a page whose caller says none. */
const PAGE_SIZE = 20
/** The arguments that set the size of a list: of the field itself, or of the lists in its value. */
const SIZE_ARGUMENTS = ['first', 'last']

type PricedOperation = {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  /** The variables as the caller sent them. */
  readonly variables: Readonly<Record<string, unknown>> | undefined
}

/**
 * Counts each field once for each object that it is selected on. A list has as many items as `first` or `last` asks for,
 * on its field or the one around it, twenty where neither has a value, and ten without these arguments. A list that is asked
 * for by keys, such as ids, has as many items as keys. Selections on every type of an interface or union count. The document
 * must be valid; takes time in proportion to its selections, written out.
 */
export function costOf({ schema, document, operation, variables = {} }: PricedOperation): number {
  const fragments = fragmentsOf(document)
  function setCost({ selections }: SelectionSetNode, parent: string, around: number | undefined): number {
    return selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + fieldCost(selection, parent, around)
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      if (!fragment) return sum
      const on = fragment.typeCondition?.name.value ?? parent
      return sum + setCost(fragment.selectionSet, on, around)
    }, 0)
  }

  function fieldCost(node: FieldNode, parent: string, around: number | undefined): number {
    const field = fieldOf(schema, parent, node.name.value)
    if (!field) return 1
    const type = getNamedType(field.type)
    const own = sizeIn(field, node, variables)
    const isList = hasList(field.type)
    const within = isList ? undefined : own
    const inner =
      node.selectionSet && isCompositeType(type) ? setCost(node.selectionSet, type.name, within) : 0
    return (1 + inner) * (isList ? (own ?? keysIn(field, node, variables) ?? around ?? ASSUMED_SIZE) : 1)
  }

  const root = schema.getRootType(operation.operation)
  return root ? setCost(operation.selectionSet, root.name, undefined) : 0
}

/** Returns the error for operations that ask for more than `most` values. */
export function costProblem(estimated: number, most: number): CallerError | undefined {
  if (estimated <= most) return undefined
  return new CallerError(
    'COST_ESTIMATED_TOO_EXPENSIVE',
    `The operation asks for about ${estimated} values; at most ${most} are allowed: ask for fewer items, or for fewer lists at a time.`,
    { estimated, maximum: most },
  )
}

type Field = GraphQLField<unknown, unknown>

function fieldOf(schema: GraphQLSchema, parent: string, name: string): Field | undefined {
  const type = schema.getType(parent)
  return type && 'getFields' in type && isCompositeType(type) ? type.getFields()[name] : undefined
}

function hasList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type)
}

function sizeIn(
  field: Field,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
): number | undefined {
  const sized = field.args.filter(({ name }) => SIZE_ARGUMENTS.includes(name))
  if (sized.length === 0) return undefined
  const sizes = sized.flatMap(({ name, type, defaultValue }) => {
    const value = node.arguments?.find(argument => argument.name.value === name)?.value
    const size: unknown = (value && valueFromAST(value, type, variables)) ?? defaultValue
    return typeof size === 'number' && size >= 0 ? [size] : []
  })
  return sizes.length === 0 ? PAGE_SIZE : Math.max(...sizes)
}

/** Returns how many keys a list is asked for by; undefined for one without an argument that must be a list. */
function keysIn(
  field: Field,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
): number | undefined {
  const keys = field.args.find(({ type }) => isNonNullType(type) && isListType(type.ofType))
  const value = keys && node.arguments?.find(({ name }) => name.value === keys.name)?.value
  const given: unknown = value && valueFromAST(value, keys.type, variables)
  return Array.isArray(given) ? given.length : undefined
}
