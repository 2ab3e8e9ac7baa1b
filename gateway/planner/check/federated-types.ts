// What each subgraph of a supergraph knows of its types, read off the text: a schema of a large one takes long to build. Pure.
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type OperationTypeNode,
  print,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql'
import { joinGraphs } from '#gateway/federation/join-graphs.ts'
import { linkedDirective } from '#gateway/federation/linked-directives.ts'
import { parseFieldSet } from '#gateway/planner/normalization/field-signature.ts'

/** Subgraphs go by their names, types and fields by those of the supergraph. */
export type FederatedTypes = {
  rootOf(operation: OperationTypeNode): string
  isAbstract(type: string): boolean
  isHidden(type: string): boolean
  /** Whether an object of `type`, or what stands for an interface called so, is a `condition`. */
  covers(condition: string, type: string): boolean
  /** Whether `service` has an object in place of the interface. */
  isInterfaceObject(service: string, type: string): boolean
  /** The type that `service` gives a field; undefined for leaves and for fields that nobody has. */
  fieldType(service: string, type: string, field: string): string | undefined
  /** The type that clients see a field to have. */
  publicFieldType(type: string, field: string): string | undefined
  /** Whether the field may not be null. */
  isRequired(type: string, field: string): boolean
  /** The object types that `service` may answer with where it says `type`. */
  possibleIn(service: string, type: string): readonly string[]
  /** By which `service` finds entities of the type. */
  keysOf(service: string, type: string): readonly SelectionSetNode[]
  /** What `service` needs to be given of an entity to answer the field. */
  requiredBy(service: string, type: string, field: string): SelectionSetNode | undefined
  /** Arguments that `service` wants filled from the context of the field. */
  contextArguments(service: string, type: string, field: string): readonly string[]
  /** Equal for types that no plan can tell apart but by `conditions` and by these fields. */
  likeness(type: string, conditions: Iterable<string>, fields: Iterable<string>): string
}

type Joined = {
  readonly type: readonly ConstDirectiveNode[]
  readonly fields: ReadonlyMap<string, FieldDefinitionNode>
}
type Kinds = 'object' | 'interface' | 'union'

export function readFederatedTypes(document: DocumentNode): FederatedTypes {
  const names = new Map(joinGraphs(document).map(({ graph, name }) => [name, graph]))
  const isInaccessible = linkedDirective(document, 'inaccessible', 'inaccessible')
  const kinds = new Map<string, Kinds>()
  const joined = new Map<string, Joined>()
  const members = new Map<string, Set<string>>()
  const hidden = new Set<string>()
  const roots = new Map<string, string>()
  const likenesses = new Map<string, string>()
  const addMember = (type: string, member: string) =>
    members.set(type, (members.get(type) ?? new Set()).add(member))

  for (const definition of document.definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION)
      for (const { operation, type } of definition.operationTypes) roots.set(operation, type.name.value)
    if (!('name' in definition) || definition.name === undefined) continue
    const { value: name } = definition.name
    if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
      kinds.set(name, 'union')
      joined.set(name, { type: definition.directives ?? [], fields: new Map() })
      for (const member of definition.types ?? []) addMember(name, member.name.value)
    } else if (
      definition.kind === Kind.OBJECT_TYPE_DEFINITION ||
      definition.kind === Kind.INTERFACE_TYPE_DEFINITION
    ) {
      kinds.set(name, definition.kind === Kind.OBJECT_TYPE_DEFINITION ? 'object' : 'interface')
      const fields = new Map(definition.fields?.map(field => [field.name.value, field]))
      joined.set(name, { type: definition.directives ?? [], fields })
      for (const other of definition.interfaces ?? []) addMember(other.name.value, name)
    } else continue
    if (isInaccessible(definition.directives)) hidden.add(name)
  }

  const graphOf = (service: string) => names.get(service) ?? service
  const ofType = (type: string, directive: string, service: string) =>
    (joined.get(type)?.type ?? []).filter(
      one => one.name.value === directive && textIn(one, 'graph') === graphOf(service),
    )
  const ofField = (service: string, type: string, field: string) =>
    joined
      .get(type)
      ?.fields.get(field)
      ?.directives?.find(one => one.name.value === 'join__field' && textIn(one, 'graph') === graphOf(service))
  const has = (type: string, directive: string) =>
    joined.get(type)?.type.some(one => one.name.value === directive) === true
  const covers = (condition: string, type: string) =>
    condition === type || members.get(condition)?.has(type) === true
  const isInterfaceObject = (service: string, type: string) =>
    ofType(type, 'join__type', service).some(one => isTrueIn(one, 'isInterfaceObject'))

  function possible(type: string): string[] {
    if (kinds.get(type) === 'object') return [type]
    return [...(members.get(type) ?? [])].filter(member => kinds.get(member) === 'object')
  }

  function possibleIn(service: string, type: string): readonly string[] {
    const all = possible(type)
    if (kinds.get(type) === 'object' || isInterfaceObject(service, type)) return all
    return all.filter(member => {
      if (has(member, 'join__type') && ofType(member, 'join__type', service).length === 0) return false
      if (kinds.get(type) === 'union')
        return !has(type, 'join__unionMember') || isSaid(type, 'join__unionMember', 'member', member)
      return !has(member, 'join__implements') || isSaid(member, 'join__implements', 'interface', type)
    })

    function isSaid(of: string, directive: string, argument: string, value: string): boolean {
      return ofType(of, directive, service).some(one => textIn(one, argument) === value)
    }
  }

  const publicFieldType = (type: string, field: string) => {
    const named = namedIn(joined.get(type)?.fields.get(field)?.type)
    return named !== undefined && kinds.has(named) ? named : undefined
  }

  function likenessOf(type: string): string {
    const known = likenesses.get(type)
    if (known !== undefined) return known
    const unions = [...members].flatMap(([of, those]) =>
      those.has(type)
        ? [`${of}:${(joined.get(of)?.type ?? []).filter(one => textIn(one, 'member') === type).map(print)}`]
        : [],
    )
    const text = `${joined.get(type)?.type.map(print).sort()} ${unions}`
    likenesses.set(type, text)
    return text
  }

  return {
    rootOf: operation => roots.get(operation) ?? ROOTS[operation],
    isAbstract: type => kinds.has(type) && kinds.get(type) !== 'object',
    isHidden: type => hidden.has(type),
    covers,
    isInterfaceObject,
    fieldType(service, type, field) {
      const own = textIn(ofField(service, type, field), 'type')?.replaceAll(/[^\w]/g, '')
      return own !== undefined && kinds.has(own) ? own : publicFieldType(type, field)
    },
    publicFieldType,
    isRequired: (type, field) => joined.get(type)?.fields.get(field)?.type.kind === Kind.NON_NULL_TYPE,
    possibleIn,
    keysOf: (service, type) =>
      ofType(type, 'join__type', service).flatMap(one => {
        const key = textIn(one, 'key')
        return key === undefined || isFalseIn(one, 'resolvable') ? [] : [parseFieldSet(key)]
      }),
    requiredBy(service, type, field) {
      const requires = textIn(ofField(service, type, field), 'requires')
      return requires === undefined ? undefined : parseFieldSet(requires)
    },
    contextArguments(service, type, field) {
      const value = argumentOf(ofField(service, type, field), 'contextArguments')
      if (value?.kind !== Kind.LIST) return []
      return value.values.flatMap(one => {
        const name = one.kind === Kind.OBJECT && one.fields.find(inner => inner.name.value === 'name')?.value
        return name && name.kind === Kind.STRING ? [name.value] : []
      })
    },
    likeness(type, conditions, fields) {
      let text = likenessOf(type)
      for (const condition of conditions) text += covers(condition, type) ? '+' : '-'
      for (const field of fields) {
        const definition = joined.get(type)?.fields.get(field)
        if (definition) text += ` ${definitionText(definition)}`
      }
      return text
    },
  }
}

const ROOTS = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const

const texts = new WeakMap<FieldDefinitionNode, string>()

function definitionText(definition: FieldDefinitionNode): string {
  const { description: _left, ...rest } = definition
  const text = texts.get(definition) ?? print(rest)
  texts.set(definition, text)
  return text
}

function argumentOf(directive: ConstDirectiveNode | undefined, argument: string) {
  return directive?.arguments?.find(({ name }) => name.value === argument)?.value
}

function textIn(directive: ConstDirectiveNode | undefined, argument: string): string | undefined {
  const value = argumentOf(directive, argument)
  return value?.kind === Kind.STRING || value?.kind === Kind.ENUM ? value.value : undefined
}

function isTrueIn(directive: ConstDirectiveNode, argument: string): boolean {
  const value = argumentOf(directive, argument)
  return value?.kind === Kind.BOOLEAN && value.value
}

function isFalseIn(directive: ConstDirectiveNode, argument: string): boolean {
  const value = argumentOf(directive, argument)
  return value?.kind === Kind.BOOLEAN && !value.value
}

function namedIn(type: TypeNode | undefined): string | undefined {
  if (type === undefined) return undefined
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedIn(type.type)
}
