// Runs one operation through our gateway, the stock one, and a single schema that has all of the supergraph.
import { buildSubgraphSchema } from '@apollo/subgraph'
import {
  buildASTSchema,
  type DocumentNode,
  execute,
  type GraphQLSchema,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
  type TypeDefinitionNode,
} from 'graphql'
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import {
  type Answered,
  composed,
  type Federation,
  federateAs,
  type Received,
  type Resolvers,
} from '#test/gateway/conformance/in-process-federation.ts'
import { startApolloGateway } from '#test/gateway/differential/apollo-gateway.ts'
import type { RandomOperation } from '#test/gateway/differential/random-operations.ts'
import type { DifferentialCase } from '#test/gateway/differential/supergraphs.ts'
import {
  createSyntheticData,
  type Faults,
  membersOf,
  type SchemaFacts,
} from '#test/gateway/differential/synthetic-data.ts'

export type Comparison = AsyncDisposable & {
  readonly schema: GraphQLSchema
  readonly ours: Asks
  readonly stock: Asks
  /** Executes the operation on a single server, which gives the response that the specification requires. */
  readonly single: Asks
}
type Asks = (operation: RandomOperation, faults: Faults) => Promise<Answered>

export async function compare(testCase: DifferentialCase): Promise<Comparison> {
  const sources = Object.fromEntries(Object.entries(testCase.subgraphs).map(([name, sdl]) => [name, { sdl }]))
  const supergraphSdl = composed(sources)
  const federation = await federateAs(supergraphSdl, sources)
  const { schema } = federation
  const full = buildASTSchema(parse(supergraphSdl), { assumeValid: true, assumeValidSDL: true })
  const facts = factsOf(testCase, full)
  const schemas = new Map(
    Object.entries(testCase.subgraphs).map(([name, sdl]) => [name, subgraphSchema(sdl, facts)]),
  )
  const stock = await startApolloGateway(supergraphSdl)
  const answer = (faults: Faults) => answerer(schemas, facts, faults)
  return {
    schema,
    ours: ({ query, variables }, faults) => federation.ask(query, variables, answer(faults)),
    stock: (operation, faults) => stock.ask(operation, answer(faults)),
    single: (operation, faults) =>
      answerer(new Map([['', schema]]), facts, faults)({ service: '', ...operation }),
    async [Symbol.asyncDispose]() {
      await stock[Symbol.asyncDispose]()
      await federation[Symbol.asyncDispose]()
    },
  }
}

const ROOT = { $: 0 }

function answerer(schemas: Federation['schemas'], facts: SchemaFacts, faults: Faults) {
  const { resolveField, resolveType } = createSyntheticData(facts, faults)
  return async ({ service, query, variables }: Received): Promise<SubgraphResponse & Answered> => {
    const schema = schemas.get(service)
    if (!schema) throw new Error(`there is no subgraph ${service}`)
    const result = await execute({
      schema,
      document: parse(query),
      rootValue: ROOT,
      variableValues: variables,
      fieldResolver: resolveField,
      typeResolver: resolveType,
    })
    return JSON.parse(JSON.stringify(result))
  }
}

/** Adds the type to references of interfaces; any other object is identified by its reference. */
function subgraphSchema(sdl: string, facts: SchemaFacts): GraphQLSchema {
  const typeDefs = parse(sdl)
  const { resolveReference } = createSyntheticData(facts, { seed: 0, every: 0 })
  const resolvers: Resolvers = Object.fromEntries(
    typeDefs.definitions.flatMap(definition =>
      definition.kind === Kind.INTERFACE_TYPE_DEFINITION && keysOf(definition).length > 0
        ? [[definition.name.value, interfaceReference(definition.name.value)]]
        : [],
    ),
  )
  return buildSubgraphSchema({ typeDefs, resolvers })

  function interfaceReference(type: string) {
    return { __resolveReference: (reference: unknown) => resolveReference(type, reference) }
  }
}

function factsOf(testCase: DifferentialCase, full: GraphQLSchema): SchemaFacts {
  const documents = Object.values(testCase.subgraphs).map(sdl => parse(sdl))
  const family = familyOf(documents, full)
  return {
    keys: keysByType(documents, full),
    requires: testCase.requires,
    members: membersOf(full),
    family,
    sound: testCase.sound ?? [],
    enums: testCase.enums ?? {},
  }
}

function familyOf(documents: readonly DocumentNode[], full: GraphQLSchema): Record<string, string> {
  const members = membersOf(full)
  const stand = documents.flatMap(document =>
    document.definitions.flatMap(definition =>
      isTypeDefinition(definition) &&
      definition.directives?.some(({ name }) => name.value === 'interfaceObject')
        ? [definition.name.value]
        : [],
    ),
  )
  return Object.fromEntries(stand.flatMap(name => (members[name] ?? []).map(member => [member, name])))
}

function keysByType(documents: readonly DocumentNode[], full: GraphQLSchema): Record<string, string[]> {
  const keys = new Map<string, Set<string>>()
  const add = (type: string, { selections }: SelectionSetNode): void => {
    const found = keys.get(type) ?? new Set()
    keys.set(type, found)
    const holder = full.getType(type)
    for (const selection of selections) {
      if (selection.kind !== Kind.FIELD) continue
      found.add(selection.name.value)
      const field = isObjectType(holder) ? holder.getFields()[selection.name.value] : undefined
      if (selection.selectionSet && field)
        add(String(field.type).replaceAll(/\W/g, ''), selection.selectionSet)
    }
  }
  for (const document of documents)
    for (const definition of document.definitions)
      if (isTypeDefinition(definition))
        for (const key of keysOf(definition)) add(definition.name.value, selectionSetOf(key))
  return Object.fromEntries([...keys].map(([type, fields]) => [type, [...fields]]))
}

function isTypeDefinition(definition: { readonly kind: string }): definition is TypeDefinitionNode {
  return (
    definition.kind === Kind.OBJECT_TYPE_DEFINITION ||
    definition.kind === Kind.INTERFACE_TYPE_DEFINITION ||
    definition.kind === Kind.OBJECT_TYPE_EXTENSION
  )
}

function keysOf({ directives = [] }: Pick<TypeDefinitionNode, 'directives'>): string[] {
  return directives.flatMap(({ name, arguments: given = [] }) =>
    name.value === 'key'
      ? given.flatMap(({ name: of, value }) =>
          of.value === 'fields' && value.kind === Kind.STRING ? [value.value] : [],
        )
      : [],
  )
}

function selectionSetOf(fields: string): SelectionSetNode {
  const [definition] = parse(`{ ${fields} }`).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`no fields: ${fields}`)
  return definition.selectionSet
}
