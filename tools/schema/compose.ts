// Implements `npm run compose`: composes schema/supergraph.graphql from the four subgraph SDLs.
import { readFile } from 'node:fs/promises'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { SUBGRAPHS, urlOf } from '#start/topology.ts'
import { runCommand } from '#tools/command-line.ts'
import { compose } from '#tools/commands.ts'
import { writeGenerated } from '#tools/schema/generated-files.ts'

/** The addresses in the supergraph are those of `npm start`. */
const LOCAL = { host: '127.0.0.1', portBase: 4000 }
const SUPERGRAPH = new URL('../../schema/supergraph.graphql', import.meta.url)

/** Returns the supergraph SDL. Throws with every composition error when the subgraphs do not compose. */
export async function composeSupergraph(): Promise<string> {
  const services = await Promise.all(
    SUBGRAPHS.map(async name => ({
      name,
      url: `${urlOf(LOCAL, name)}/graphql`,
      typeDefs: parse(
        await readFile(new URL(`../../schema/subgraphs/${name}.graphql`, import.meta.url), 'utf8'),
      ),
    })),
  )
  const result = composeServices(services)
  if (result.errors) throw new Error(result.errors.map(error => error.message).join('\n'))
  return result.supergraphSdl
}

if (import.meta.main)
  await runCommand(compose, async ({ values }) =>
    writeGenerated(compose, [{ file: SUPERGRAPH, text: await composeSupergraph() }], values),
  )
