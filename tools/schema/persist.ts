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
import {
  type GeneratedFile,
  readOperationFiles,
  readOperations,
  readText,
  runGenerator,
} from '#tools/schema/generated-files.ts'

/** Each front end with the graph that it talks to. */
export const CLIENTS = { web: 'bff-web', mobile: 'bff-mobile' } as const
/** The folder beside a front end's operations for those that released clients send and the front end does not any more. */
export const RELEASED = 'released'

/** Returns every manifest as it should be. Throws when an operation is not valid in its graph. */
export function manifestFiles(): Promise<GeneratedFile[]> {
  return Promise.all(
    Object.entries(CLIENTS).map(async ([client, graph]) => {
      const folder = `clients/${client}`
      const documents = [await readOperations(folder), ...(await readOperationFiles(`${folder}/${RELEASED}`))]
      const schema = buildSchema(await readText(`schema/${graph}.graphql`))
      const problems = documents.flatMap(document => validate(schema, document))
      if (problems.length > 0)
        throw new Error(problems.map(problem => `${folder}: ${problem.message}`).join('\n'))
      const manifest: PersistedManifest = {
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: persist(documents),
      }
      return { file: `schema/persisted/${graph}.json`, text: `${JSON.stringify(manifest, undefined, 2)}\n` }
    }),
  )
}

/**
 * Sorts the operations by name and id, so that a manifest changes only with its operations. The id is the SHA-256 of the
 * body. Names and fragments are those of one document; of operations with equal bodies in several one is left.
 */
export function persist(documents: readonly DocumentNode[]): PersistedManifest['operations'] {
  const operations = documents.flatMap(document => {
    const fragments = fragmentsOf(document)
    return document.definitions
      .filter(node => node.kind === Kind.OPERATION_DEFINITION)
      .map(operation => persistOne(operation, fragments))
  })
  const byId = new Map(operations.map(operation => [operation.id, operation]))
  return [...byId.values()].sort((a, b) => (`${a.name} ${a.id}` < `${b.name} ${b.id}` ? -1 : 1))
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
