// Limits what an introspection query returns to twice that of the full introspection query.
import {
  type DocumentNode,
  type FieldNode,
  type FragmentSpreadNode,
  GraphQLError,
  type GraphQLSchema,
  getIntrospectionQuery,
  type InlineFragmentNode,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'

/** A document may cost this many times the full query. */
const MAX_FACTOR = 2
const FULL = {
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
}

/** The length of each list of introspection, at the most that this schema has anywhere. */
type Sizes = Readonly<Record<string, number>>

const known = new WeakMap<GraphQLSchema, { readonly sizes: Sizes; readonly most: number }>()

/** Returns the error for a valid document that asks for more than twice what the full introspection query does. */
export function introspectionError(schema: GraphQLSchema, document: DocumentNode): GraphQLError | undefined {
  const { sizes, most } = measureSchema(schema)
  const cost = costOf(document, sizes)
  if (cost <= most) return undefined
  return new GraphQLError(
    `The introspection asks for about ${cost} values; at most ${most} are allowed, twice those of the full introspection query.`,
  )
}

function measureSchema(schema: GraphQLSchema): { readonly sizes: Sizes; readonly most: number } {
  const found = known.get(schema)
  if (found) return found
  const sizes = sizesOf(schema)
  const full = parse(getIntrospectionQuery(FULL), { noLocation: true })
  const made = { sizes, most: MAX_FACTOR * costOf(full, sizes) }
  known.set(schema, made)
  return made
}

function costOf(document: DocumentNode, sizes: Sizes): number {
  const fragments = fragmentsOf(document)
  let cost = 0
  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION)
      for (const field of introspectionFields(definition.selectionSet, fragments))
        cost += fieldCost(field, fragments, sizes)
  return cost
}

/** Returns each `__schema` and `__type` field at the root. */
function introspectionFields({ selections }: SelectionSetNode, fragments: Fragments): FieldNode[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return ROOTS.has(selection.name.value) ? selection : []
    const inner = selectionsOf(selection, fragments)
    return inner ? introspectionFields(inner, fragments) : []
  })
}

const ROOTS: ReadonlySet<string> = new Set(['__schema', '__type'])

/** Counts the value itself and its selections, for each item. */
function fieldCost({ name, selectionSet }: FieldNode, fragments: Fragments, sizes: Sizes): number {
  const inner = selectionSet ? setCost(selectionSet, fragments, sizes) : 0
  return (1 + inner) * (sizes[name.value] ?? 1)
}

function setCost({ selections }: SelectionSetNode, fragments: Fragments, sizes: Sizes): number {
  return selections.reduce((sum, selection) => {
    if (selection.kind === Kind.FIELD) return sum + fieldCost(selection, fragments, sizes)
    const inner = selectionsOf(selection, fragments)
    return inner ? sum + setCost(inner, fragments, sizes) : sum
  }, 0)
}

function selectionsOf(
  selection: InlineFragmentNode | FragmentSpreadNode,
  fragments: Fragments,
): SelectionSetNode | undefined {
  if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet
  return fragments.get(selection.name.value)?.selectionSet
}

function sizesOf(schema: GraphQLSchema): Sizes {
  const types = Object.values(schema.getTypeMap())
  const largest = (of: (type: (typeof types)[number]) => number) => Math.max(1, ...types.map(of))
  const fieldsOf = (type: (typeof types)[number]) =>
    isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
  return {
    types: types.length,
    directives: schema.getDirectives().length,
    fields: largest(type => fieldsOf(type).length),
    args: largest(type => Math.max(0, ...fieldsOf(type).map(field => field.args.length))),
    inputFields: largest(type => (isInputObjectType(type) ? Object.keys(type.getFields()).length : 0)),
    enumValues: largest(type => (isEnumType(type) ? type.getValues().length : 0)),
    interfaces: largest(type => (isObjectType(type) ? type.getInterfaces().length : 0)),
    possibleTypes: largest(type => (isInterfaceType(type) ? schema.getPossibleTypes(type).length : 0)),
  }
}
