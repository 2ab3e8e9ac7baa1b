// Implements `npm run openapi`: writes schema/bff-web.openapi.json from the REST routes and the web graph.
import { readFile } from 'node:fs/promises'
import { buildSchema } from 'graphql'
import { describeApi } from '#bff-web/rest/openapi.ts'
import { readOperations } from '#bff-web/rest/run-operation.ts'
import { runCommand } from '#tools/command-line.ts'
import { openapi } from '#tools/commands.ts'
import { writeGenerated } from '#tools/schema/generated-files.ts'

const SDL = new URL('../../schema/bff-web.graphql', import.meta.url)
export const OPENAPI_FILE = new URL('../../schema/bff-web.openapi.json', import.meta.url)

/** Returns the file as it should be. */
export async function openApiText(): Promise<string> {
  const schema = buildSchema(await readFile(SDL, 'utf8'))
  return `${JSON.stringify(describeApi(schema, readOperations()), null, 2)}\n`
}

if (import.meta.main)
  await runCommand(openapi, async ({ values }) =>
    writeGenerated(openapi, [{ file: OPENAPI_FILE, text: await openApiText() }], values),
  )
