// Implements `npm run schema-check`: names the changes since an earlier commit that would break clients, and the persisted
// operations that are gone since.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  type BreakingChange,
  buildSchema,
  findBreakingChanges,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'
import { OperatorError } from '#platform/domain/errors.ts'
import { type PersistedManifest, parseManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { runCommand } from '#tools/command-line.ts'
import { schemaCheck } from '#tools/commands.ts'
import { publicSchema, readSubgraphs } from '#tools/schema/compose.ts'
import { CLIENTS, RELEASED } from '#tools/schema/persist.ts'

/** The graphs that clients use; the public one is composed from the subgraphs, without inaccessible elements. */
const GRAPHS = ['bff-web', 'bff-mobile'] as const
const PUBLIC = 'supergraph'
const MAIN_BRANCHES = ['origin/HEAD', 'main', 'master']

type SchemaChange = {
  readonly graph: string
  readonly description: string
  /** Says whether it was deprecated at the compared commit, so that it may go. */
  readonly announced: boolean
}

/** A persisted operation whose id a released client may still send. */
type LostOperation = { readonly client: string; readonly id: string; readonly name: string }

type SchemaCheck =
  | {
      readonly against: string
      readonly changes: readonly SchemaChange[]
      readonly lost: readonly LostOperation[]
    }
  | { readonly against: undefined; readonly reason: string }

/** Returns a file's text by its path from the repository root; undefined when there is none. */
type ReadText = (file: string) => Promise<string | undefined>

/**
 * Compares the working tree with `against`; when left out, with where this branch left the main branch, on the main
 * branch itself with the last tag, and without tags with the last commit. Without a repository there is nothing to
 * compare with, which is no error. Throws for an `against` that is no commit.
 */
export async function checkSchemas(root: string, against?: string): Promise<SchemaCheck> {
  const git = gitIn(root)
  if (!(await git('rev-parse', '--verify', '--quiet', 'HEAD')))
    return { against: undefined, reason: 'there is no history of this folder to compare with' }
  const commit = against ?? (await defaultReference(git))
  if (!(await git('rev-parse', '--verify', '--quiet', `${commit}^{commit}`)))
    throw new OperatorError('NO_COMMIT', `there is no commit ${commit} to compare with`)
  const readBefore: ReadText = file => git('show', `${commit}:./${file}`)
  const readNow: ReadText = file => readFile(path.join(root, file), 'utf8').catch(() => undefined) // removed since
  const after = await readGraphs(readNow)
  const changes = [...(await readGraphs(readBefore))].flatMap(([graph, schema]) =>
    compareSchemas(graph, schema, after.get(graph)),
  )
  const lost = await Promise.all(
    Object.entries(CLIENTS).map(([client, graph]) => lostOperations(client, graph, [readBefore, readNow])),
  )
  return { against: commit, changes, lost: lost.flat() }
}

async function lostOperations(
  client: string,
  graph: string,
  reads: readonly ReadText[],
): Promise<LostOperation[]> {
  const [before = [], after = []] = await Promise.all(reads.map(read => readPersisted(read, graph)))
  const known = new Set(after.map(({ id }) => id))
  return before.filter(({ id }) => !known.has(id)).map(({ id, name }) => ({ client, id, name }))
}

async function readPersisted(read: ReadText, graph: string): Promise<PersistedManifest['operations']> {
  const text = await read(`schema/persisted/${graph}.json`)
  return text === undefined ? [] : parseManifest(text).operations
}

type Git = (...args: string[]) => Promise<string | undefined>

/** Runs git; returns undefined when git fails or is missing. */
function gitIn(root: string): Git {
  const run = promisify(execFile)
  return async (...args) => {
    try {
      return (await run('git', args, { cwd: root, maxBuffer: 16 * 1024 * 1024 })).stdout
    } catch {
      return undefined
    }
  }
}

async function defaultReference(git: Git): Promise<string> {
  const head = await git('rev-parse', 'HEAD')
  for (const branch of MAIN_BRANCHES) {
    const base = await git('merge-base', 'HEAD', branch)
    if (base && base !== head) return base.trim()
  }
  return (await git('describe', '--tags', '--abbrev=0'))?.trim() || 'HEAD'
}

async function readGraphs(read: ReadText): Promise<Map<string, GraphQLSchema>> {
  const graphs = new Map<string, GraphQLSchema>()
  for (const name of GRAPHS) {
    const sdl = await read(`schema/${name}.graphql`)
    if (sdl !== undefined) graphs.set(name, buildSchema(sdl))
  }
  const subgraphs = await readSubgraphs(read)
  if (subgraphs.length > 0) graphs.set(PUBLIC, publicSchema(subgraphs))
  return graphs
}

/** Lists the breaking changes. `after` is undefined when the whole graph is gone. */
export function compareSchemas(
  graph: string,
  before: GraphQLSchema,
  after: GraphQLSchema | undefined,
): SchemaChange[] {
  if (after === undefined) return [{ graph, description: 'the graph was removed', announced: false }]
  return findBreakingChanges(before, after).map(change => {
    const removed = removedIn(change)
    const announced = removed !== undefined && isDeprecated(before, removed)
    const hint = removed === undefined || announced ? '' : ' It was not deprecated: that comes first.'
    return { graph, description: change.description + hint, announced }
  })
}

type Removed = { readonly type: string; readonly member: string; readonly argument?: string }

const REMOVED_MEMBER = /^(\w+)\.(\w+) was removed\.$/
const REMOVED_ARGUMENT = /^(\w+)\.(\w+) arg (\w+) was removed\.$/
const REMOVED_VALUE = /^(\w+) was removed from enum type (\w+)\.$/

/** Returns what can be deprecated before it is removed; graphql-js names it only in its sentence. */
function removedIn({ description }: BreakingChange): Removed | undefined {
  const [, type = '', member = ''] = REMOVED_MEMBER.exec(description) ?? []
  if (type) return { type, member }
  const [, owner = '', field = '', argument = ''] = REMOVED_ARGUMENT.exec(description) ?? []
  if (owner) return { type: owner, member: field, argument }
  const [, value = '', enumeration = ''] = REMOVED_VALUE.exec(description) ?? []
  return value ? { type: enumeration, member: value } : undefined
}

function isDeprecated(schema: GraphQLSchema, { type: name, member, argument }: Removed): boolean {
  const type = schema.getType(name)
  if (isEnumType(type)) return Boolean(type.getValue(member)?.deprecationReason)
  if (isInputObjectType(type)) return Boolean(type.getFields()[member]?.deprecationReason)
  if (!isObjectType(type) && !isInterfaceType(type)) return false
  const field = type.getFields()[member]
  if (argument === undefined) return Boolean(field?.deprecationReason)
  return Boolean(field?.args.find(each => each.name === argument)?.deprecationReason)
}

function report(check: SchemaCheck): number {
  if (check.against === undefined) {
    console.log(`Nothing was compared: ${check.reason}.`)
    return 0
  }
  const { against, changes, lost } = check
  for (const { graph, description } of changes.filter(({ announced }) => announced))
    console.log(`${graph}: ${description} It was deprecated before.`)
  const breaking = changes.filter(({ announced }) => !announced)
  for (const { graph, description } of breaking) console.error(`${graph}: ${description}`)
  const since = against.slice(0, 12)
  for (const { client, id, name } of lost)
    console.warn(
      `Warning: the persisted operation ${name} of ${since} is gone, and released clients may still send its id ${id}: keep its text in clients/${client}/${RELEASED}/ as long as there are any.`,
    )
  console.log(`${breaking.length || 'No'} breaking changes since ${since}.`)
  return breaking.length > 0 ? 1 : 0
}

if (import.meta.main)
  await runCommand(schemaCheck, async ({ values }) => {
    const root = path.resolve(import.meta.dirname, '../..')
    return report(await checkSchemas(root, values.against))
  })
