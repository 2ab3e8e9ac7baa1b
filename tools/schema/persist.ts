// Implements `npm run persist`: writes schema/persisted/, the operations that front ends may run, from their files.
import { createHash } from 'node:crypto'
import {
  buildSchema,
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionSetNode,
  validate,
  visit,
} from 'graphql'
import { type Fragments, fragmentsOf, usedFragments } from '#platform/graphql/documents/fragments.ts'
import type { PersistedManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { persist as persistCommand } from '#tools/commands.ts'
import { type GeneratedFile, readOperations, readText, runGenerator } from '#tools/schema/generated-files.ts'

/** Each front end with the graph that it talks to. */
const CLIENTS = { web: 'bff-web', mobile: 'bff-mobile' } as const

/** Returns every manifest as it should be. Throws when an operation is not valid in its graph. */
export function manifestFiles(): Promise<GeneratedFile[]> {
  return Promise.all(
    Object.entries(CLIENTS).map(async ([client, graph]) => {
      const document = await readOperations(`clients/${client}`)
      const problems = validate(buildSchema(await readText(`schema/${graph}.graphql`)), document)
      if (problems.length > 0)
        throw new Error(problems.map(problem => `clients/${client}: ${problem.message}`).join('\n'))
      const manifest: PersistedManifest = {
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: persist(document),
      }
      return { file: `schema/persisted/${graph}.json`, text: `${JSON.stringify(manifest, undefined, 2)}\n` }
    }),
  )
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

if (import.meta.main) await runGenerator(persistCommand, manifestFiles)
