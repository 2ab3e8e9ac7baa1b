// Implements `npm run compose`: composes schema/supergraph.graphql from the four subgraph SDLs.
import { composeServices } from '@apollo/composition'
import { type DocumentNode, type GraphQLSchema, parse } from 'graphql'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { urlOf } from '#start/topology.ts'
import { compose } from '#tools/commands.ts'
import { readText, runGenerator } from '#tools/schema/generated-files.ts'

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

/** Returns the supergraph SDL. Throws when the subgraphs do not compose. */
export async function composeSupergraph(): Promise<string> {
  return composed(await readSubgraphs()).supergraphSdl
}

if (import.meta.main)
  await runGenerator(compose, async () => [
    { file: 'schema/supergraph.graphql', text: await composeSupergraph() },
  ])
