// Joins a subgraph's SDL with its resolvers.
import { readFile } from 'node:fs/promises'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type GraphQLSchema, isInterfaceType, isObjectType, parse } from 'graphql'
import { scalars } from '#platform/graphql/scalars.ts'

/** Resolvers by type and field. The scalars need not be in it. */
export type ResolverMap = Readonly<Record<string, unknown>>

type ApolloResolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>

/** The executable schema of `schema/subgraphs/<name>.graphql`. Throws TypeError for a resolver that the SDL has no place for. */
export async function subgraphSchema(name: string, resolvers: ResolverMap): Promise<GraphQLSchema> {
  const sdl = await readFile(new URL(`../../schema/subgraphs/${name}.graphql`, import.meta.url), 'utf8')
  const all = { ...scalars, ...resolvers }
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: all as unknown as ApolloResolvers })
  const homeless = Object.entries(all).flatMap(([type, fields]) => unknownFields(schema, type, fields))
  if (homeless.length > 0) throw new TypeError(`the SDL of ${name} has no ${homeless.join(', ')}`)
  return schema
}

/** buildSubgraphSchema ignores these: a misspelt resolver would always return null. */
function unknownFields(schema: GraphQLSchema, typeName: string, fields: unknown): string[] {
  const type = schema.getType(typeName)
  if (type === undefined) return [typeName]
  if (!(isObjectType(type) || isInterfaceType(type)) || typeof fields !== 'object' || fields === null)
    return []
  const known = type.getFields()
  return Object.keys(fields)
    .filter(field => !field.startsWith('__') && !Object.hasOwn(known, field))
    .map(field => `${typeName}.${field}`)
}
