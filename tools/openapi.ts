// Writes schema/bff-web.openapi.json of the REST routes and the web graph. `--check` only says whether it is stale.
import { readFile, writeFile } from 'node:fs/promises'
import { buildSchema } from 'graphql'
import { describeApi } from '#bff-web/rest/openapi.ts'
import { readOperations } from '#bff-web/rest/operations.ts'

const SDL = new URL('../schema/bff-web.graphql', import.meta.url)
export const OPENAPI_FILE = new URL('../schema/bff-web.openapi.json', import.meta.url)

/** The file, as it should be. */
export async function openApiText(): Promise<string> {
  const schema = buildSchema(await readFile(SDL, 'utf8'))
  return `${JSON.stringify(describeApi(schema, readOperations()), null, 2)}\n`
}

if (import.meta.main) {
  const text = await openApiText()
  if (!process.argv.includes('--check')) await writeFile(OPENAPI_FILE, text)
  else if ((await readFile(OPENAPI_FILE, 'utf8').catch(() => '')) !== text) {
    console.error('schema/bff-web.openapi.json is stale: run `npm run openapi`')
    process.exitCode = 1
  }
}
