// Resolves fields of any schema with synthetic data: a value follows from its object, field and arguments alone, whichever
// subgraph is asked, so that all correct plans give one response. Some fields fail, and some are null.

import {
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type GraphQLTypeResolver,
  isEnumType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  valueFromASTUntyped,
} from 'graphql'
import { isObject } from '#platform/domain/json.ts'

export type RequiredLeaf = readonly { readonly field: string; readonly given?: object }[]

/** Describes the parts of a supergraph that the data depends on, beyond any one schema. */
export type SchemaFacts = {
  /** Fields of keys, by type: they say which object it is, and never fail. */
  readonly keys: Readonly<Record<string, readonly string[]>>
  /** Maps a computed field ('Type.field') to the paths of the leaves that it requires. */
  readonly requires: Readonly<Record<string, readonly RequiredLeaf[]>>
  /** Object types by the abstract type, in one order for all subgraphs. */
  readonly members: Readonly<Record<string, readonly string[]>>
  /** Object types that share their identity with the interface: an `@interfaceObject` stands for them. */
  readonly family: Readonly<Record<string, string>>
  /** Fields ('Type.field') that never fail and are never null. */
  readonly sound: readonly string[]
  /** Values by enum, those that only some subgraph has included. */
  readonly enums: Readonly<Record<string, readonly string[]>>
}

export type Faults = {
  readonly seed: number
  /** One field in so many is null, one in so many fails; 0 for none. */
  readonly every: number
}

type SyntheticData = {
  readonly resolveField: GraphQLFieldResolver<unknown, unknown>
  readonly resolveType: GraphQLTypeResolver<unknown, unknown>
  /** Returns the object that an interface's reference stands for. */
  readonly resolveReference: (type: string, reference: unknown) => object
}

const ENTITIES = 6
const VALUES = 1000

export function createSyntheticData(facts: SchemaFacts, faults: Faults): SyntheticData {
  const familyOf = (type: string) => facts.family[type] ?? type
  const memberOf = (type: string, number: number) => {
    const members = facts.members[type] ?? []
    return members[number % Math.max(1, members.length)]
  }
  const isKey = (type: string, field: string) => facts.keys[type]?.includes(field) ?? false

  function numberOf(source: unknown): number {
    if (!isObject(source)) return 0
    if (typeof source.$ === 'number') return source.$
    for (const value of Object.values(source)) {
      const tail = typeof value === 'string' ? /-(\d+)$/.exec(value)?.[1] : undefined
      if (tail !== undefined) return Number(tail)
    }
    // A key within a key; what @requires adds holds no numbers at its end.
    for (const value of Object.values(source)) if (isObject(value)) return numberOf(value)
    return 0
  }

  /** An object of `type` with a number that suits the type, for those that share their numbers with others. */
  function objectOf(type: GraphQLNamedType, hash: number): object {
    const members = facts.members[facts.family[type.name] ?? '']
    const wanted = hash % (facts.keys[type.name] ? ENTITIES : VALUES)
    if (isObjectType(type) && members && facts.family[type.name] !== type.name)
      return { $: wanted * members.length + Math.max(0, members.indexOf(type.name)) }
    const member = memberOf(type.name, wanted)
    if (!isObjectType(type) && member !== undefined && facts.family[member] !== type.name)
      return { $: wanted, __typename: member }
    return { $: wanted }
  }

  function leaf(type: GraphQLNamedType, name: string, hash: number): unknown {
    if (isEnumType(type)) {
      const values = facts.enums[type.name] ?? type.getValues().map(value => value.name)
      return values[hash % values.length]
    }
    if (type.name === 'Int') return hash % 1000
    if (type.name === 'Float') return (hash % 10_000) / 8
    if (type.name === 'Boolean') return hash % 2 === 0
    return `${name}~${hash.toString(36)}`
  }

  function value(type: GraphQLOutputType, name: string, hash: number): unknown {
    if (isNonNullType(type)) return value(type.ofType, name, hash)
    if (isListType(type))
      return Array.from({ length: hash % 4 }, (_, index) => {
        const inner = hashOf(`${hash}[${index}`)
        return faults.every > 0 && inner % (faults.every * 3) === 1 && !isNonNullType(type.ofType)
          ? null
          : value(type.ofType, `${name}.${index}`, inner)
      })
    return isObjectType(type) || isInterfaceType(type) || isUnionType(type)
      ? objectOf(type, hash)
      : leaf(type, name, hash)
  }

  return {
    resolveReference: (type, reference) => {
      const number = numberOf(reference)
      return { $: number, __typename: memberOf(type, number) }
    },
    resolveType: (source, _context, _info, type) =>
      isObject(source) &&
      typeof source.__typename === 'string' &&
      facts.members[source.__typename] === undefined
        ? source.__typename
        : memberOf(type.name, numberOf(source)),
    resolveField: (source, given, _context, info) =>
      resolve({ source, given, ...info, written: writtenAt(info) }),
  }

  function resolve({ source, given, parentType, fieldName, returnType, written = '' }: Asked): unknown {
    const type = familyOf(parentType.name)
    const number = type === 'Query' ? 0 : numberOf(source)
    if (isKey(type, fieldName))
      return isObjectType(unwrapped(returnType)) ? { $: number } : `${type}-${fieldName}-${number}`
    const required = (facts.requires[`${type}.${fieldName}`] ?? []).map(leafPath =>
      requiredLeaf(leafPath, source, parentType),
    )
    const cell = `${type}.${fieldName}(${canonical(given)})@${number}${written}`
    const sound = faults.every === 0 || facts.sound.includes(`${type}.${fieldName}`)
    const fault = !sound ? hashOf(`${faults.seed}!${cell}`) % faults.every : -1
    if (fault === 0) return null
    if (fault === 1) throw new Error(`no ${fieldName}`)
    const suffix = required.length > 0 ? `<${canonical(required)}>` : ''
    return value(returnType, `${fieldName}${suffix}`, hashOf(`${faults.seed}${cell}${suffix}`))
  }

  /** Returns the value that a subgraph was given, or that the data has for an object with a number. */
  function requiredLeaf(leafPath: RequiredLeaf, source: unknown, parentType: GraphQLObjectType): unknown {
    const [step, ...rest] = leafPath
    if (step === undefined) return source ?? null
    if (!isObject(source)) return null
    const returnType = parentType.getFields()[step.field]?.type
    if (!returnType) return null
    const inner =
      '$' in source
        ? attempt(() =>
            resolve({ source, given: step.given ?? {}, parentType, fieldName: step.field, returnType }),
          )
        : source[step.field]
    const type = unwrapped(returnType)
    return isObjectType(type) ? requiredLeaf(rest, inner, type) : (inner ?? null)
  }
}

type Asked = {
  readonly source: unknown
  readonly given: object
  readonly parentType: GraphQLObjectType
  readonly fieldName: string
  readonly returnType: GraphQLOutputType
  /** The directives at the field, but for conditions. */
  readonly written?: string
}

/** Compares as sets, since a field that is selected twice may be fetched once. */
function writtenAt({ fieldNodes, variableValues }: GraphQLResolveInfo): string {
  const texts = fieldNodes.map(({ directives = [] }) =>
    directives
      .filter(({ name }) => name.value !== 'skip' && name.value !== 'include')
      .map(({ name, arguments: given = [] }) => {
        const values = given.map(one => [one.name.value, valueFromASTUntyped(one.value, variableValues)])
        return `@${name.value}${JSON.stringify(values)}`
      })
      .join(),
  )
  return [...new Set(texts)].sort().join('')
}

function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return null
  }
}

/** FNV-1a, of 31 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d) >>> 1
}

function unwrapped(type: GraphQLOutputType): GraphQLOutputType {
  return isNonNullType(type) || isListType(type) ? unwrapped(type.ofType) : type
}

/** JSON with keys in one order: subgraphs may declare arguments in another. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([key]) => key !== '__typename')
  return `{${entries
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner]) => `${key}:${canonical(inner)}`)
    .join(',')}}`
}

/** The types that a schema's abstract types may be. */
export function membersOf(schema: GraphQLSchema): Record<string, string[]> {
  return Object.fromEntries(
    Object.values(schema.getTypeMap()).flatMap(type =>
      isInterfaceType(type) || isUnionType(type)
        ? [
            [
              type.name,
              schema
                .getPossibleTypes(type)
                .map(({ name }) => name)
                .sort(),
            ],
          ]
        : [],
    ),
  )
}
