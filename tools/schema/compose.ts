// Implements `npm run compose`: composes schema/supergraph.graphql from the four subgraph SDLs, and writes the graph that
// clients see as schema/gateway.graphql.
import { composeServices } from '@apollo/composition'
import { type DocumentNode, type GraphQLSchema, lexicographicSortSchema, parse, printSchema } from 'graphql'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { urlOf } from '#start/topology.ts'
import { compose } from '#tools/commands.ts'
import { type GeneratedFile, readText, runGenerator } from '#tools/schema/generated-files.ts'

/** The addresses in the supergraph are those of `npm start`. */
const LOCAL = { host: '127.0.0.1', portBase: 4000 }

type Subgraph = { readonly name: string; readonly url: string; readonly typeDefs: DocumentNode }

/** Returns the subgraphs whose SDL `read` finds. */
export async function readSubgraphs(
  read: (file: string) => Promise<string | undefined> = readText,
): Promise<Subgraph[]> {
  const found = SUBGRAPHS.map(async name => {
    const sdl = await read(`schema/subgraphs/${name}.graphql`)
    const url = `${urlOf(LOCAL, name)}/graphql`
    return sdl === undefined ? [] : [{ name, url, typeDefs: parse(sdl) }]
  })
  return (await Promise.all(found)).flat()
}

/** Composes the API schema that the gateway serves: the subgraphs together, without inaccessible elements. */
export function publicSchema(subgraphs: Subgraph[]): GraphQLSchema {
  return composed(subgraphs).schema.toAPISchema().toGraphQLJSSchema()
}

/** Throws with every composition error when the subgraphs do not compose. */
function composed(subgraphs: Subgraph[]) {
  const result = composeServices(subgraphs)
  if (result.errors) throw new Error(result.errors.map(error => error.message).join('\n'))
  return result
}

/**
 * Returns the supergraph, and the API schema as plain SDL: sorted by name, so that a change shows where it is, and without
 * federation's directives. Throws when the subgraphs do not compose.
 */
export async function composedFiles(): Promise<GeneratedFile[]> {
  const subgraphs = await readSubgraphs()
  const plain = printSchema(lexicographicSortSchema(publicSchema(subgraphs)))
  return [
    { file: 'schema/supergraph.graphql', text: composed(subgraphs).supergraphSdl },
    { file: 'schema/gateway.graphql', text: `${plain}\n` },
  ]
}

if (import.meta.main) await runGenerator(compose, composedFiles)
