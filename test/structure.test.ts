// Enforces the shape of the tree: rooms depend downwards, nothing imports in a circle, folders, functions and exports stay few.
import { glob, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '..')
const MOST_FILES = 15
const MOST_LINES = 60
/** Exports that are loaded by name: the Temporal worker finds a workflow so. */
const ENTRY_POINTS = ['platform/saga/temporal/workflow.ts saga']
/** Where a rule does not hold yet. Nothing may be added, and a place that is mended is taken out. */
const EXEMPT = {
  exports: /^(platform\/(discovery|event-bus|resilience)|test\/platform)\//,
  functions: /^subgraphs\/(orders|payment)\/domain\//,
}
/** The entries of the published package, whose users are elsewhere. */
const PUBLISHED = /^clients\/kit\/src\/(codegen|live\/live|outbox\/outbox|adapters\/\w+)\.ts /
const BFFS = ['bff', 'bff-web', 'bff-mobile']
const SERVICES = ['platform', 'schema', 'subgraphs', 'gateway', ...BFFS]

/** The rooms of the source, each with the rooms that it may import besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  'subgraphs/orders': ['platform', 'schema'],
  'subgraphs/inventory': ['platform', 'schema'],
  'subgraphs/payment': ['platform', 'schema'],
  'subgraphs/shipping': ['platform', 'schema'],
  gateway: ['platform'],
  bff: ['platform'],
  'bff-web': ['platform', 'schema', 'bff'],
  'bff-mobile': ['platform', 'schema', 'bff'],
  'clients/kit': [],
  start: SERVICES,
  deploy: [...SERVICES, 'start'],
  testbed: [...SERVICES, 'start'],
  tools: [...SERVICES, 'start', 'testbed'],
  bench: [...SERVICES, 'start', 'testbed', 'tools'],
}

type Import = {
  readonly file: string
  readonly target: string
  /** The imported names as the target exports them; `*` for all. */
  readonly names: readonly string[]
  /** Says whether the module is loaded by a call of `import()`. */
  readonly dynamic: boolean
}
type Source = { readonly file: string; readonly text: string; readonly imports: readonly Import[] }

const STATIC = /^(?:import|export)(?: type)?(?: ([^'"]+?) from)? '([^']+)'/gm
const DYNAMIC = /\bimport\(\s*'([^']+)'/g

async function readSources(): Promise<Source[]> {
  const sources: Source[] = []
  for await (const file of glob(
    '{platform,subgraphs,gateway,bff*,clients,start,deploy,tools,testbed,bench,schema,test}/**/*.{ts,tsx}',
    { cwd: ROOT, exclude: file => file.endsWith('/dist') },
  ))
    sources.push(readSource(file, await readFile(path.join(ROOT, file), 'utf8')))
  return sources.sort((one, other) => (one.file < other.file ? -1 : 1))
}

function readSource(file: string, text: string): Source {
  const imports = [
    ...Array.from(text.matchAll(STATIC), ([, clause = '', specifier = '']) => ({
      file,
      target: resolve(file, specifier),
      names: namesIn(clause),
      dynamic: false,
    })),
    ...Array.from(text.matchAll(DYNAMIC), ([, specifier = '']) => ({
      file,
      target: resolve(file, specifier),
      names: ['*'],
      dynamic: true,
    })),
  ]
  return { file, text, imports }
}

/** Returns the path of the imported file from the root of the repository, or `package` and the package's name. */
function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : `package ${specifier}`
}

function namesIn(clause: string): string[] {
  const [before = '', list] = clause.split(/[{}]/)
  const named =
    list?.split(',').map(name =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*/, ''),
    ) ?? []
  return [...named.filter(Boolean), ...(before.includes('*') ? ['*'] : before.trim() ? ['default'] : [])]
}

const sources = await readSources()
/** Generated files name the types of their users' files, and nobody reads them. */
const written = sources.filter(({ file }) => !file.startsWith('schema/generated/'))
const imports = sources.flatMap(source => source.imports)

/** The imports from `from` to `to`, as readable lines. */
function found(from: RegExp, to: RegExp): string[] {
  return imports
    .filter(({ file, target }) => from.test(file) && to.test(target))
    .map(({ file, target }) => `${file} -> ${target}`)
}

test('there are imports to look at', () => {
  expect(imports.length).toBeGreaterThan(500)
})

test('every room imports only the rooms that it stands on', () => {
  const upwards = Object.entries(ROOMS).flatMap(([room, below]) => {
    const allowed = new RegExp(`^(package |(${[room, ...below].join('|')})/)`)
    return imports.filter(({ file, target }) => file.startsWith(`${room}/`) && !allowed.test(target))
  })
  expect(upwards.map(({ file, target }) => `${file} -> ${target}`)).toEqual([])
})

test('every source file stands in a room', () => {
  const rooms = new RegExp(`^(${[...Object.keys(ROOMS), 'schema', 'test'].join('|')})/`)
  expect(sources.filter(({ file }) => !rooms.test(file)).map(({ file }) => file)).toEqual([])
})

test('deciders import nothing with I/O', () => {
  const pure =
    /^(subgraphs\/[a-z]+\/domain\/|platform\/domain\/(decision|errors|ids|json|money)\.ts$|platform\/event-store\/aggregate\.ts$|package node:crypto$)/
  // An aggregate's file says how its events are stored, and decodes them: neither needs I/O.
  const storage =
    /^subgraphs\/[a-z]+\/domain\/aggregate\.ts -> platform\/event-store\/(codec|event-store)\.ts$/
  const impure = found(/^subgraphs\/[a-z]+\/domain\//, /./).filter(
    line => !pure.test(line.split(' -> ')[1] ?? ''),
  )
  expect(impure.filter(line => !storage.test(line))).toEqual([])
})

test('only adapters import database drivers', () => {
  const adapters =
    /(\.postgres|\.mongodb|\.redis|\.kafka)\.ts$|\/(postgres|mongodb|redis|kafka)\/|^(start|testbed|bench|test)\//
  const drivers = found(/./, /^package (pg|mongodb|ioredis|@platformatic\/kafka)$/)
  expect(drivers.filter(line => !adapters.test(line.split(' -> ')[0] ?? ''))).toEqual([])
})

test(`no folder holds more than ${MOST_FILES} files`, () => {
  const folders = Map.groupBy(written, ({ file }) => path.dirname(file))
  const full = [...folders].filter(([, files]) => files.length > MOST_FILES)
  expect(full.map(([folder, files]) => `${folder}: ${files.length} files`)).toEqual([])
})

test('no file imports itself by way of others', () => {
  expect(cyclesOf(file => file)).toEqual([])
})

test('no folder imports itself by way of others', () => {
  expect(cyclesOf(path.dirname)).toEqual([])
})

/** Returns the groups of nodes that import one another. `nodeOf` maps a file to its node. Types count, lazy imports do not. */
function cyclesOf(nodeOf: (file: string) => string): string[] {
  const edges = new Map<string, Set<string>>()
  const files = new Set(written.map(({ file }) => file))
  for (const { file, target, dynamic } of written.flatMap(source => source.imports)) {
    const [from, to] = [nodeOf(file), nodeOf(target)]
    if (dynamic || from === to || !files.has(target)) continue
    edges.set(from, (edges.get(from) ?? new Set()).add(to))
  }
  const reach = new Map([...edges.keys()].map(node => [node, reachable(node, edges)]))
  const groups = [...reach].flatMap(([node, reached]) =>
    reached.has(node)
      ? [
          [...reached]
            .filter(other => reach.get(other)?.has(node))
            .sort()
            .join(' '),
        ]
      : [],
  )
  return [...new Set(groups)]
}

function reachable(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const reached = new Set<string>()
  const open = [start]
  for (let node = open.pop(); node !== undefined; node = open.pop())
    for (const next of edges.get(node) ?? [])
      if (!reached.has(next)) {
        reached.add(next)
        open.push(next)
      }
  return reached
}

test('every exported name is imported by another file', () => {
  const used = new Set([
    ...ENTRY_POINTS,
    ...imports.flatMap(({ target, names }) => names.map(name => `${target} ${name}`)),
  ])
  const declared = /^export (?:async )?(?:function\*?|const|let|class|type|interface) (\w+)/gm
  const unused = written.flatMap(({ file, text }) =>
    used.has(`${file} *`)
      ? []
      : Array.from(text.matchAll(declared), ([, name]) => `${file} ${name}`).filter(name => !used.has(name)),
  )
  expect(unused.filter(name => !EXEMPT.exports.test(name) && !PUBLISHED.test(name))).toEqual([])
})

test(`no function of the source is longer than ${MOST_LINES} lines`, () => {
  const long = written
    .filter(({ file }) => !file.startsWith('test/'))
    .flatMap(({ file, text }) =>
      functionsIn(text).map(({ line, length }) => ({ at: `${file}:${line}`, length })),
    )
    .filter(({ length }) => length > MOST_LINES)
  expect(long.filter(({ at }) => !EXEMPT.functions.test(at))).toEqual([])
})

/** Finds functions by their layout, which the formatter guarantees: a function ends at the next brace that is indented as its head is. */
function functionsIn(text: string): { readonly line: number; readonly length: number }[] {
  const lines = text.split('\n')
  const indentOf = (line = '') => line.search(/\S/)
  return lines.flatMap((line, index) => {
    if (!/(\)(: .+)?|=>) \{$/.test(line) || /^\s*(\} )?(if|for|while|switch|else|catch)\b/.test(line))
      return []
    const indent = indentOf(line)
    const end = lines.findIndex(
      (other, at) => at > index && indentOf(other) === indent && /^\s*\}/.test(other),
    )
    const begin = /^\s*\)/.test(line)
      ? lines.findLastIndex((other, at) => at < index && indentOf(other) === indent)
      : index
    return [{ line: begin + 1, length: end - begin + 1 }]
  })
}
