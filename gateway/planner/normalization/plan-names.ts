// Gives fields and variables unique names in the plan, which none of the planner's own names can clash with.
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  print,
  type ValueNode,
  visit,
} from 'graphql'
import { fieldSignature, responseName } from '#gateway/planner/normalization/field-signature.ts'

/** Tells whether a plan may fetch another field under `key`, the response name of a client's `field`. */
export type IsReserved = (key: string, field: string) => boolean

export type PlanNames = {
  /** Returns the response name of a client's field in the plan, and in the responses of subgraphs. */
  nameOf(field: FieldNode): string
  /** Returns the client's path for a path in the plan. It ends above what the plan fetches for itself. */
  clientPath(path: readonly (string | number)[]): (string | number)[]
  /** Tells whether the client's response name for it stands for several different fields. */
  isAmbiguous(name: string | number | undefined): boolean
  /** The directives of fields, conditions aside, by the field's name in the plan. */
  readonly directives: ReadonlyMap<string, readonly DirectiveNode[]>
  /** The names of variables in the plan, by the client's name, where they differ. */
  readonly variables: ReadonlyMap<string, string>
}

const PREFIX = '_asked_'
/** The prefix of names under which Hive's planner fetches for itself. */
const PLANNER_PREFIX = '_internal_qp_alias'
/** The response names that planners give, and `__typename`, which the executor reads. */
const PLANNERS_NAME = /^__|^_internal_qp_alias|__alias_\d+$|^_e\d+$|^_entities$/
/** The suffix of a name under which a plan fetches a field that is renamed in the response. */
export const ALIAS_SUFFIX = /__alias_\d+$/
const PLANNERS_VARIABLE = /^representations$|^__batch_reps_|^contextualArgument/

/** Reserves the names in field sets: plans fetch the fields of keys, `@requires`, `@provides` and `@fromContext` under them. */
export function createReservedNames(supergraph: DocumentNode, schema: GraphQLSchema): IsReserved {
  const reserved = namesInFieldSets(supergraph)
  const withArguments = new Set<string>()
  for (const type of Object.values(schema.getTypeMap()))
    if (isObjectType(type) || isInterfaceType(type))
      for (const { name, args } of Object.values(type.getFields()))
        if (args.length > 0) withArguments.add(name)
  return (key, field) =>
    PLANNERS_NAME.test(key) || (reserved.has(key) && (key !== field || withArguments.has(field)))
}

/**
 * The first field of a response name keeps it, unless it is reserved. Where the name stands for another field elsewhere, or
 * for the same with other arguments or directives, that field gets a name that nothing else in the operation has. So
 * planners and executor need not distinguish fields of different types under one name.
 */
export function createPlanNames(
  operation: OperationDefinitionNode,
  fragments: Iterable<FragmentDefinitionNode>,
  isReserved: IsReserved,
): PlanNames {
  const fields = fieldsIn([operation, ...fragments])
  const taken = new Set(fields.map(responseName))
  const planned = new Map<string, string>()
  const clientNames = new Map<string, string>()
  const directives = new Map<string, readonly DirectiveNode[]>()
  const kept = new Set<string>()
  const meanings = new Map<string, number>()
  for (const field of fields) {
    const key = responseName(field)
    const identity = identityOf(field)
    if (planned.has(identity) || field.name.value.startsWith('__')) continue
    meanings.set(key, (meanings.get(key) ?? 0) + 1)
    const own = directivesOf(field)
    const keeps = own.length === 0 && !kept.has(key) && !isReserved(key, field.name.value)
    const name = keeps ? key : takeName(PREFIX + key, taken)
    if (keeps) kept.add(key)
    else clientNames.set(name, key)
    if (own.length > 0) directives.set(name, own)
    planned.set(identity, name)
  }
  const variables = variableNames(operation)
  const clientName = (planName: string) => {
    const name = planName.replace(ALIAS_SUFFIX, '')
    return clientNames.get(name) ?? name
  }
  return {
    nameOf: field => planned.get(identityOf(field)) ?? responseName(field),
    clientPath(path) {
      const end = path.findIndex(key => typeof key === 'string' && key.startsWith(PLANNER_PREFIX))
      return (end < 0 ? path : path.slice(0, end)).map(key =>
        typeof key === 'string' ? clientName(key) : key,
      )
    },
    isAmbiguous: name => typeof name === 'string' && (meanings.get(clientName(name)) ?? 0) > 1,
    directives: new Map(
      [...directives].map(([name, own]) => [name, own.map(one => renameVariables(one, variables))]),
    ),
    variables,
  }
}

/** Returns all fields in document order. */
function fieldsIn(definitions: readonly (OperationDefinitionNode | FragmentDefinitionNode)[]): FieldNode[] {
  const fields: FieldNode[] = []
  for (const definition of definitions)
    visit(definition, {
      Field(node) {
        fields.push(node)
      },
    })
  return fields
}

function identityOf(field: FieldNode): string {
  return `${responseName(field)} ${fieldSignature(field)} ${directivesOf(field).map(print).join(' ')}`
}

function directivesOf({ directives = [] }: FieldNode): readonly DirectiveNode[] {
  return directives.filter(({ name }) => name.value !== 'skip' && name.value !== 'include')
}

/** Returns a name that is not taken, and takes it. */
function takeName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let number = 2; taken.has(name) || ALIAS_SUFFIX.test(name); number++) name = `${wanted}_${number}`
  taken.add(name)
  return name
}

function variableNames({ variableDefinitions = [] }: OperationDefinitionNode): Map<string, string> {
  const names = variableDefinitions.map(({ variable }) => variable.name.value)
  const taken = new Set(names)
  return new Map(
    names.filter(name => PLANNERS_VARIABLE.test(name)).map(name => [name, takeName(`asked_${name}`, taken)]),
  )
}

/** Returns the node with the names that variables have in the plan. */
export function renameVariables<Node extends DocumentNode | DirectiveNode>(
  node: Node,
  names: PlanNames['variables'],
): Node {
  if (names.size === 0) return node
  return visit(node, {
    Variable(variable) {
      const value = names.get(variable.name.value)
      return value === undefined ? undefined : { ...variable, name: { ...variable.name, value } }
    },
  })
}

const FIELD_SETS: Readonly<Record<string, readonly string[]>> = {
  join__type: ['key'],
  join__field: ['requires', 'provides', 'contextArguments'],
}

function namesInFieldSets(supergraph: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>()
  visit(supergraph, {
    Directive({ name, arguments: given = [] }: DirectiveNode) {
      for (const { name: argument, value } of given)
        if (FIELD_SETS[name.value]?.includes(argument.value))
          for (const text of textsIn(value))
            for (const [word] of text.matchAll(/[_A-Za-z]\w*/g)) names.add(word)
    },
  })
  return names
}

function textsIn(value: ValueNode): readonly string[] {
  if (value.kind === Kind.STRING) return [value.value]
  if (value.kind === Kind.LIST) return value.values.flatMap(textsIn)
  return value.kind === Kind.OBJECT ? value.fields.flatMap(field => textsIn(field.value)) : []
}
