// Names in planned operations, each for one thing, that no field or variable of the plan's own can be mistaken for. Pure.
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

/** Whether a plan may fetch something of its own under the response name `key` of a client's `field`. */
export type IsReserved = (key: string, field: string) => boolean

export type PlanNames = {
  /** The response name of a client's field in the plan, and in what subgraphs answer. */
  nameOf(field: FieldNode): string
  /** A path in a subgraph's answer as clients know it: it ends above what was fetched for the plan alone. */
  clientPath(path: readonly (string | number)[]): (string | number)[]
  /** Whether it is the planned name of one of several things that the client calls by one name. */
  isAmbiguous(name: string | number | undefined): boolean
  /** By planned name, what else than conditions the client wrote at the field. */
  readonly directives: ReadonlyMap<string, readonly DirectiveNode[]>
  /** By the client's name, what a variable is called in the plan, where that is another name. */
  readonly variables: ReadonlyMap<string, string>
}

const PREFIX = '_asked_'
/** Begins the name of what Hive's planner fetches for itself. */
const OF_PLANNER = '_internal_qp_alias'
/** Response names that planners give, and `__typename`, by which the executor tells types. */
const PLANNERS_NAME = /^__|^_internal_qp_alias|__alias_\d+$|^_e\d+$|^_entities$/
/** Ends the name under which a plan fetches a field that is renamed in the answer. */
export const ALIAS_SUFFIX = /__alias_\d+$/
const PLANNERS_VARIABLE = /^representations$|^__batch_reps_|^contextualArgument/

/** Fields of keys, of `@requires`, `@provides` and `@fromContext` are fetched by their own names. */
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
 * The first field of a response name keeps it, unless it is reserved. Where the name stands for another field elsewhere,
 * or for the same with other arguments or directives, it gets one that nothing else in the operation has: planners and
 * executor need not tell apart what objects of different types have under one name.
 */
export function createPlanNames(
  operation: OperationDefinitionNode,
  fragments: Iterable<FragmentDefinitionNode>,
  isReserved: IsReserved,
): PlanNames {
  const fields = fieldsIn([operation, ...fragments])
  const taken = new Set(fields.map(responseName))
  const planned = new Map<string, string>()
  const asked = new Map<string, string>()
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
    const name = keeps ? key : free(PREFIX + key, taken)
    if (keeps) kept.add(key)
    else asked.set(name, key)
    if (own.length > 0) directives.set(name, own)
    planned.set(identity, name)
  }
  const variables = variableNames(operation)
  return {
    nameOf: field => planned.get(identityOf(field)) ?? responseName(field),
    clientPath(path) {
      const end = path.findIndex(key => typeof key === 'string' && key.startsWith(OF_PLANNER))
      return (end < 0 ? path : path.slice(0, end)).map(key => {
        const name = typeof key === 'string' ? key.replace(ALIAS_SUFFIX, '') : ''
        return typeof key === 'string' ? (asked.get(name) ?? name) : key
      })
    },
    isAmbiguous(name) {
      const own = typeof name === 'string' ? name.replace(ALIAS_SUFFIX, '') : ''
      return (meanings.get(asked.get(own) ?? own) ?? 0) > 1
    },
    directives: new Map([...directives].map(([name, own]) => [name, withVariables(own, variables)])),
    variables,
  }
}

/** All fields, in the operation's own order. */
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

/** Takes it, too. */
function free(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let number = 2; taken.has(name) || ALIAS_SUFFIX.test(name); number++) name = `${wanted}_${number}`
  taken.add(name)
  return name
}

function variableNames({ variableDefinitions = [] }: OperationDefinitionNode): Map<string, string> {
  const names = variableDefinitions.map(({ variable }) => variable.name.value)
  const taken = new Set(names)
  return new Map(
    names.filter(name => PLANNERS_VARIABLE.test(name)).map(name => [name, free(`asked_${name}`, taken)]),
  )
}

function withVariables(
  directives: readonly DirectiveNode[],
  names: PlanNames['variables'],
): readonly DirectiveNode[] {
  return directives.map(directive => renameVariables(directive, names))
}

/** The same with the variables' names of the plan. */
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
