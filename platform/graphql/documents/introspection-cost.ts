// Limits what an introspection query returns to twice that of the full introspection query.
import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  type GraphQLSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { fragmentsOf } from '#platform/graphql/documents/fragments.ts'

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

/** Counts each `__schema` and `__type` field at the root: the value itself and its selections, for each item. */
function costOf({ definitions }: DocumentNode, sizes: Sizes): number {
  const fragments = fragmentsOf({ definitions })

  function sum({ selections }: SelectionSetNode, costOfField: (field: FieldNode) => number): number {
    return selections.reduce((total, selection) => {
      if (selection.kind === Kind.FIELD) return total + costOfField(selection)
      const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      return inner ? total + sum(inner.selectionSet, costOfField) : total
    }, 0)
  }

  const fieldCost = ({ name, selectionSet }: FieldNode): number =>
    (1 + (selectionSet ? sum(selectionSet, fieldCost) : 0)) * (sizes[name.value] ?? 1)
  const rootCost = (field: FieldNode) => (ROOTS.has(field.name.value) ? fieldCost(field) : 0)
  return definitions
    .filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
    .reduce((total, { selectionSet }) => total + sum(selectionSet, rootCost), 0)
}

const ROOTS: ReadonlySet<string> = new Set(['__schema', '__type'])

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
