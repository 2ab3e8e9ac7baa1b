// Names in planned operations that cannot be mistaken for the fields that a plan fetches for itself. Pure.
import {
  type DirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  visit,
} from 'graphql'

/** By response name and field: the response name in the plan, and in what subgraphs answer. */
export type PlannedName = (key: string, field: string) => string

const PREFIX = '_asked_'
/** Of what the planner fetches for itself. */
const OF_PLANNER = '_internal_qp_alias'

/**
 * A plan fetches the fields of keys and of `@requires` by their own names. What a client calls by one of these names,
 * though it is another field, or may have other arguments, gets a name of its own.
 */
export function createPlannedName(supergraph: DocumentNode, schema: GraphQLSchema): PlannedName {
  const reserved = namesInFieldSets(supergraph)
  const withArguments = new Set<string>()
  for (const type of Object.values(schema.getTypeMap()))
    if (isObjectType(type) || isInterfaceType(type))
      for (const { name, args } of Object.values(type.getFields()))
        if (args.length > 0) withArguments.add(name)
  return (key, field) =>
    reserved.has(key) && (key !== field || withArguments.has(field)) ? PREFIX + key : key
}

/** A path in a subgraph's answer as clients know it: it ends above what was fetched for the plan alone. */
export function askedPath(path: readonly (string | number)[]): (string | number)[] {
  const end = path.findIndex(key => typeof key === 'string' && key.startsWith(OF_PLANNER))
  return (end < 0 ? path : path.slice(0, end)).map(key =>
    typeof key === 'string' && key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key,
  )
}

const FIELD_SETS: Readonly<Record<string, readonly string[]>> = {
  join__type: ['key'],
  join__field: ['requires', 'provides'],
}

function namesInFieldSets(supergraph: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>()
  visit(supergraph, {
    Directive({ name, arguments: given = [] }: DirectiveNode) {
      for (const { name: argument, value } of given)
        if (FIELD_SETS[name.value]?.includes(argument.value) && value.kind === Kind.STRING)
          for (const [word] of value.value.matchAll(/[_A-Za-z]\w*/g)) names.add(word)
    },
  })
  return names
}
