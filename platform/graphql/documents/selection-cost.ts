// How many values an operation asks for, by its selections and the sizes of its lists: known before anything is read. Pure.
import {
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
import type { Fragments } from '#platform/graphql/documents/fragments.ts'

/** Items of a list whose field is not told how many to give. */
const ASSUMED_SIZE = 10
/** Arguments that say how many items a list has: that of the field itself, or those in what the field gives. */
const SIZE_ARGUMENTS = ['first', 'last']

export type Priced = {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
  /** The variables as they were given. */
  readonly variables: Readonly<Record<string, unknown>>
}

/**
 * Counts each field once for each object that it is selected of. A list has the items that `first` or `last` asks for, of
 * its field or of the one around it, and ten otherwise; selections of every type of an interface or union count. The
 * document must be valid; takes time in proportion to its selections, written out.
 */
export function costOf({ schema, operation, fragments, variables }: Priced): number {
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
    return (1 + inner) * (isList ? (own ?? around ?? ASSUMED_SIZE) : 1)
  }

  const root = schema.getRootType(operation.operation)
  return root ? setCost(operation.selectionSet, root.name, undefined) : 0
}

/** Why operations that ask for `estimated` values may not run; undefined where that is at most `most`. */
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
  const argument = field.args.find(({ name }) => SIZE_ARGUMENTS.includes(name))
  if (!argument) return undefined
  const value = node.arguments?.find(({ name }) => name.value === argument.name)?.value
  const given: unknown = value && valueFromAST(value, argument.type, variables)
  const size = given ?? argument.defaultValue
  return typeof size === 'number' && size >= 0 ? size : undefined
}
