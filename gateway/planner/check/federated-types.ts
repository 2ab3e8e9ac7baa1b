// Reads from a supergraph what each subgraph knows of its types. It reads the text: to build a large schema takes long.
import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type NameNode,
  type OperationTypeNode,
  parse,
  print,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { joinGraphs } from '#gateway/federation/join-graphs.ts'
import { type Arguments, argumentsOf, linkedDirective } from '#gateway/federation/linked-directives.ts'

export type FederatedTypes = ReturnType<typeof readFederatedTypes>

type TypeDefinition = {
  readonly kind: 'object' | 'interface' | 'union'
  readonly directives: readonly ConstDirectiveNode[]
  readonly fields: ReadonlyMap<string, FieldDefinitionNode>
}

type State = {
  /** The values of `join__Graph`, by the names of their subgraphs. */
  readonly graphs: ReadonlyMap<string, string>
  readonly definitions: Map<string, TypeDefinition>
  /** The types that are members of a union or implement an interface. */
  readonly members: Map<string, Set<string>>
  readonly hidden: Set<string>
  readonly roots: Map<string, string>
  /** The part of equivalence keys that is the same for all operations. */
  readonly equivalenceKeys: Map<string, string>
}

/** A `service` is the name of a subgraph; types and fields have the names of the supergraph. */
export function readFederatedTypes(document: DocumentNode) {
  const state = readState(document)
  const { definitions, hidden, roots } = state
  return {
    rootOf: (operation: OperationTypeNode): string => roots.get(operation) ?? DEFAULT_ROOTS[operation],
    isAbstract: (type: string) => definitions.has(type) && !isObject(type, state),
    isHidden: (type: string) => hidden.has(type),
    /** Tells whether an object of `type`, or an interface object of an interface called so, matches the type condition. */
    covers: (condition: string, type: string) => covers(condition, type, state),
    /** Tells whether `service` has an object in place of the interface (@interfaceObject). */
    isInterfaceObject: (service: string, type: string) => isInterfaceObject(service, type, state),
    /** Returns the type that `service` gives a field; undefined for leaves and for fields that nobody has. */
    fieldType(service: string, type: string, field: string): string | undefined {
      const own = textOf(joinField({ service, type, field }, state).type)?.replaceAll(/[^\w]/g, '')
      return own !== undefined && definitions.has(own) ? own : publicFieldType(type, field, state)
    },
    /** Returns the type that a field has for clients; undefined for leaves and for fields that nobody has. */
    publicFieldType: (type: string, field: string) => publicFieldType(type, field, state),
    /** Tells whether the field is non-null. */
    isRequired: (type: string, field: string) =>
      definitions.get(type)?.fields.get(field)?.type.kind === Kind.NON_NULL_TYPE,
    /** Returns the object types that the type is or covers. */
    objectTypes: (type: string) => objectTypes(type, state),
    /** Returns the object types that `service` may return where its schema says `type`. */
    possibleIn: (service: string, type: string) => possibleIn(service, type, state),
    /** Returns the keys by which `service` resolves entities of the type. */
    keysOf: (service: string, type: string) =>
      joins('join__type', { service, type }, state).flatMap(({ key, resolvable }) =>
        typeof key === 'string' && resolvable !== false ? [parseFieldSet(key)] : [],
      ),
    /** Returns what the field requires in `service` (@requires). */
    requiredBy(service: string, type: string, field: string): SelectionSetNode | undefined {
      const requires = textOf(joinField({ service, type, field }, state).requires)
      return requires === undefined ? undefined : parseFieldSet(requires)
    },
    /** Tells whether `service` wants arguments of the field set from its context (@fromContext). */
    takesContext(service: string, type: string, field: string): boolean {
      const { contextArguments } = joinField({ service, type, field }, state)
      return Array.isArray(contextArguments) && contextArguments.length > 0
    },
    /** Returns a text that is equal for types which no plan can tell apart except by `conditions` and by these fields. */
    equivalenceKey(type: string, conditions: Iterable<string>, fields: Iterable<string>): string {
      let key = equivalenceKeyOf(type, state)
      for (const condition of conditions) key += covers(condition, type, state) ? '+' : '-'
      for (const field of fields) {
        const definition = definitions.get(type)?.fields.get(field)
        if (definition) key += ` ${definitionText(definition)}`
      }
      return key
    },
  }
}

function readState(document: DocumentNode): State {
  const isInaccessible = linkedDirective(document, 'inaccessible', 'inaccessible')
  const state: State = {
    graphs: new Map(joinGraphs(document).map(({ graph, name }) => [name, graph])),
    definitions: new Map(),
    members: new Map(),
    hidden: new Set(),
    roots: new Map(),
    equivalenceKeys: new Map(),
  }
  for (const definition of document.definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION)
      for (const { operation, type } of definition.operationTypes) state.roots.set(operation, type.name.value)
    const name = addDefinition(definition, state)
    if (name !== undefined && isInaccessible(state.definitions.get(name)?.directives)) state.hidden.add(name)
  }
  return state
}

/** Returns the name of the type; undefined for a definition of something else than an object, interface or union. */
function addDefinition(definition: DefinitionNode, { definitions, members }: State): string | undefined {
  const addMember = (type: string, { value }: NameNode) =>
    members.set(type, (members.get(type) ?? new Set()).add(value))
  switch (definition.kind) {
    case Kind.UNION_TYPE_DEFINITION: {
      const { name, directives = [], types = [] } = definition
      definitions.set(name.value, { kind: 'union', directives, fields: new Map() })
      for (const member of types) addMember(name.value, member.name)
      return name.value
    }
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION: {
      const { name, directives = [], fields = [], interfaces = [] } = definition
      const kind = definition.kind === Kind.OBJECT_TYPE_DEFINITION ? 'object' : 'interface'
      const byName = new Map(fields.map(field => [field.name.value, field]))
      definitions.set(name.value, { kind, directives, fields: byName })
      for (const other of interfaces) addMember(other.name.value, name)
      return name.value
    }
    default:
      return undefined
  }
}

function isObject(type: string, { definitions }: State): boolean {
  return definitions.get(type)?.kind === 'object'
}

function covers(condition: string, type: string, { members }: State): boolean {
  return condition === type || members.get(condition)?.has(type) === true
}

type InService = { readonly service: string; readonly type: string }

/** Returns the arguments of a type's directives of the name that are about the subgraph. */
function joins(
  directive: string,
  { service, type }: InService,
  { definitions, graphs }: State,
): readonly Arguments[] {
  const graph = graphs.get(service) ?? service
  const all = definitions.get(type)?.directives ?? []
  return all
    .filter(({ name }) => name.value === directive)
    .map(readArguments)
    .filter(given => given.graph === graph)
}

/** Returns the arguments of the field's `@join__field` that is about the subgraph; none when there is no such directive. */
function joinField(
  { service, type, field }: InService & { readonly field: string },
  { definitions, graphs }: State,
): Arguments {
  const graph = graphs.get(service) ?? service
  for (const directive of definitions.get(type)?.fields.get(field)?.directives ?? [])
    if (directive.name.value === 'join__field' && readArguments(directive).graph === graph)
      return readArguments(directive)
  return {}
}

const readDirectives = new WeakMap<ConstDirectiveNode, Arguments>()

function readArguments(directive: ConstDirectiveNode): Arguments {
  const given = readDirectives.get(directive) ?? argumentsOf(directive)
  readDirectives.set(directive, given)
  return given
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isInterfaceObject(service: string, type: string, state: State): boolean {
  return joins('join__type', { service, type }, state).some(given => given.isInterfaceObject === true)
}

function objectTypes(type: string, state: State): readonly string[] {
  if (isObject(type, state)) return [type]
  return [...(state.members.get(type) ?? [])].filter(member => isObject(member, state))
}

function possibleIn(service: string, type: string, state: State): readonly string[] {
  const all = objectTypes(type, state)
  if (isObject(type, state) || isInterfaceObject(service, type, state)) return all
  const isUnion = state.definitions.get(type)?.kind === 'union'
  return all.filter(member => {
    if (!isJoined('join__type', { service, type: member }, state)) return false
    return isUnion
      ? isJoined('join__unionMember', { service, type, argument: 'member', value: member }, state)
      : isJoined('join__implements', { service, type: member, argument: 'interface', value: type }, state)
  })
}

type JoinArgument = InService & { readonly argument?: string; readonly value?: string }

/** Tells whether a type has such a directive for the subgraph. One that has none for any subgraph is in all of them. */
function isJoined(directive: string, { argument, value, ...inService }: JoinArgument, state: State): boolean {
  const all = state.definitions.get(inService.type)?.directives ?? []
  if (!all.some(one => one.name.value === directive)) return true
  const own = joins(directive, inService, state)
  return argument === undefined ? own.length > 0 : own.some(given => given[argument] === value)
}

function publicFieldType(type: string, field: string, { definitions }: State): string | undefined {
  const named = namedIn(definitions.get(type)?.fields.get(field)?.type)
  return named !== undefined && definitions.has(named) ? named : undefined
}

function equivalenceKeyOf(type: string, { definitions, members, equivalenceKeys }: State): string {
  const known = equivalenceKeys.get(type)
  if (known !== undefined) return known
  const memberships = [...members].flatMap(([of, those]) => {
    if (!those.has(type)) return []
    const own = definitions.get(of)?.directives.filter(one => readArguments(one).member === type) ?? []
    return [`${of}:${own.map(print)}`]
  })
  const key = `${definitions.get(type)?.directives.map(print).sort()} ${memberships}`
  equivalenceKeys.set(type, key)
  return key
}

const fieldSets = new LRUCache<string, SelectionSetNode>({ max: 10_000 })

/** Parses the fields that a directive names, such as `weight dimensions { width }`. Throws an Error for another text. */
function parseFieldSet(fields: string): SelectionSetNode {
  const found = fieldSets.get(fields)
  if (found) return found
  const [definition] = parse(`{ ${fields} }`).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`these are no fields: ${fields}`)
  fieldSets.set(fields, definition.selectionSet)
  return definition.selectionSet
}

const DEFAULT_ROOTS = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const

const texts = new WeakMap<FieldDefinitionNode, string>()

function definitionText(definition: FieldDefinitionNode): string {
  const { description: _description, ...rest } = definition
  const text = texts.get(definition) ?? print(rest)
  texts.set(definition, text)
  return text
}

function namedIn(type: TypeNode | undefined): string | undefined {
  if (type === undefined) return undefined
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedIn(type.type)
}
