// Implements `npm run openapi`: writes schema/bff-web.openapi.json from the REST routes and the web graph.
import { buildSchema } from 'graphql'
import { describeApi } from '#bff-web/rest/openapi.ts'
import { readOperations } from '#bff-web/rest/run-operation.ts'
import { openapi } from '#tools/commands.ts'
import { readText, runGenerator } from '#tools/schema/generated-files.ts'

export const OPENAPI_FILE = 'schema/bff-web.openapi.json'

/** Returns the file as it should be. */
export async function openApiText(): Promise<string> {
  const schema = buildSchema(await readText('schema/bff-web.graphql'))
  return `${JSON.stringify(describeApi(schema, readOperations()), null, 2)}\n`
}

if (import.meta.main)
  await runGenerator(openapi, async () => [{ file: OPENAPI_FILE, text: await openApiText() }])
