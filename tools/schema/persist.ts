// Implements `npm run persist`: writes schema/persisted/, the operations that front ends may run, from their files.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import {
  buildSchema,
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  validate,
  visit,
} from 'graphql'
import { type Fragments, fragmentsOf, usedFragments } from '#platform/graphql/documents/fragments.ts'
import type { PersistedManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { runCommand } from '#tools/command-line.ts'
import { persist as persistCommand } from '#tools/commands.ts'
import { type GeneratedFile, writeGenerated } from '#tools/schema/generated-files.ts'

/** Each front end with the graph that it talks to. */
const CLIENTS = { web: 'bff-web', mobile: 'bff-mobile' } as const
type Client = keyof typeof CLIENTS

const ROOT = new URL('../../', import.meta.url)
const OUTPUT = new URL('schema/persisted/', ROOT)

type Generated = { readonly name: string; readonly text: string }

/** Returns every manifest as it should be. Throws when an operation is not valid in its graph. */
function generateManifests(): Promise<Generated[]> {
  return Promise.all((Object.keys(CLIENTS) as Client[]).map(generateManifest))
}

async function generateManifest(client: Client): Promise<Generated> {
  const name = CLIENTS[client]
  const sdl = await readFile(new URL(`schema/${name}.graphql`, ROOT), 'utf8')
  const document = await readOperations(client)
  const problems = validate(buildSchema(sdl), document)
  if (problems.length > 0)
    throw new Error(problems.map(problem => `clients/${client}: ${problem.message}`).join('\n'))
  const manifest: PersistedManifest = {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: persist(document),
  }
  return { name: `${name}.json`, text: `${JSON.stringify(manifest, undefined, 2)}\n` }
}

/** Returns all operation files of a front end as one document. */
export async function readOperations(client: Client): Promise<DocumentNode> {
  const folder = new URL(`clients/${client}/`, ROOT)
  const files = (await readdir(folder)).filter(file => file.endsWith('.graphql')).sort()
  const texts = await Promise.all(files.map(file => readFile(new URL(file, folder), 'utf8')))
  return {
    kind: Kind.DOCUMENT,
    definitions: texts.flatMap(text => parse(text, { noLocation: true }).definitions),
  }
}

/** Sorts the operations by name, so that a manifest changes only with its operations. The id is the SHA-256 of the body. */
export function persist(document: DocumentNode): PersistedManifest['operations'] {
  const fragments = fragmentsOf(document)
  return document.definitions
    .filter(node => node.kind === Kind.OPERATION_DEFINITION)
    .map(operation => persistOne(operation, fragments))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function persistOne(
  operation: OperationDefinitionNode,
  fragments: Fragments,
): PersistedManifest['operations'][number] {
  const name = operation.name?.value
  if (name === undefined) throw new Error('an operation without a name cannot be persisted')
  const body = print(
    addTypenames({ kind: Kind.DOCUMENT, definitions: [operation, ...usedFragments(operation, fragments)] }),
  )
  const id = createHash('sha256').update(body).digest('hex')
  return { id, name, type: operation.operation, body }
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/** Adds `__typename` to every selection set but the root's, as caching clients (Apollo Client, urql) do. */
function addTypenames(document: DocumentNode): DocumentNode {
  return visit(document, {
    SelectionSet: {
      leave(set, _key, parent): SelectionSetNode | undefined {
        const isRoot = parent && 'kind' in parent && parent.kind === Kind.OPERATION_DEFINITION
        const has = set.selections.some(node => node.kind === Kind.FIELD && node.name.value === '__typename')
        return isRoot || has ? undefined : { ...set, selections: [...set.selections, TYPENAME] }
      },
    },
  })
}

/** Returns each manifest with the text that it should have. */
export async function manifestFiles(): Promise<GeneratedFile[]> {
  return (await generateManifests()).map(({ name, text }) => ({ file: new URL(name, OUTPUT), text }))
}

if (import.meta.main)
  await runCommand(persistCommand, async ({ values }) =>
    writeGenerated(persistCommand, await manifestFiles(), values),
  )
