// Dependencies point one way: subgraphs, gateway and BFFs stand on the platform; drivers stay inside their adapters.
import { glob, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '..')
const ROOMS = [
  'platform',
  'subgraphs',
  'gateway',
  'bff',
  'bff-web',
  'bff-mobile',
  'start',
  'tools',
  'testbed',
  'bench',
]
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)'([^']+)'/g

type Import = { readonly file: string; readonly target: string }

async function readImports(): Promise<Import[]> {
  const imports: Import[] = []
  for await (const file of glob(`{${ROOMS.join(',')}}/**/*.ts`, { cwd: ROOT })) {
    const source = await readFile(path.join(ROOT, file), 'utf8')
    for (const [, specifier = ''] of source.matchAll(IMPORT))
      imports.push({ file, target: resolve(file, specifier) })
  }
  return imports
}

/** The imported file from the root of the repository, or the package's name. */
function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : `package ${specifier}`
}

const imports = await readImports()

/** The imports from `from` to `to`, as readable lines. */
function found(from: RegExp, to: RegExp): string[] {
  return imports
    .filter(({ file, target }) => from.test(file) && to.test(target))
    .map(({ file, target }) => `${file} -> ${target}`)
}

test('there are imports to look at', () => {
  expect(imports.length).toBeGreaterThan(500)
})

test('the platform imports none of those that stand on it', () => {
  expect(
    found(/^platform\//, /^(subgraphs|gateway|bff|bff-web|bff-mobile|start|tools|testbed|bench|test)\//),
  ).toEqual([])
})

test('a subgraph imports neither another subgraph, nor the gateway, a BFF, or what starts it', () => {
  for (const name of ['orders', 'inventory', 'payment', 'shipping']) {
    const others = new RegExp(
      `^(subgraphs/(?!${name}/)|gateway/|bff/|bff-web/|bff-mobile/|start/|tools/|testbed/|bench/|test/)`,
    )
    expect(found(new RegExp(`^subgraphs/${name}/`), others)).toEqual([])
  }
})

test('the gateway imports the platform alone', () => {
  expect(found(/^gateway\//, /^(subgraphs|bff|bff-web|bff-mobile|start|tools|testbed|bench|test)\//)).toEqual(
    [],
  )
})

test('the BFFs share bff/, which imports the platform alone, and do not import one another', () => {
  expect(found(/^bff\//, /^(subgraphs|gateway|bff-web|bff-mobile|start|tools|testbed|bench|test)\//)).toEqual(
    [],
  )
  expect(found(/^bff-web\//, /^(subgraphs|gateway|bff-mobile|start|tools|testbed|bench|test)\//)).toEqual([])
  expect(found(/^bff-mobile\//, /^(subgraphs|gateway|bff-web|start|tools|testbed|bench|test)\//)).toEqual([])
})

test('deciders import nothing with I/O', () => {
  const pure =
    /^(subgraphs\/[a-z]+\/domain\/|platform\/domain\/(decision|errors|ids|json|money)\.ts$|platform\/event-store\/aggregate\.ts$)/
  const impure = imports.filter(
    ({ file, target }) =>
      /^subgraphs\/[a-z]+\/domain\//.test(file) && !pure.test(target) && target !== 'package node:crypto',
  )
  expect(impure).toEqual([])
})

test('database drivers are imported by adapters alone', () => {
  const drivers = imports.filter(({ target }) =>
    /^package (pg|mongodb|ioredis|@platformatic\/kafka)$/.test(target),
  )
  const adapters =
    /(\.postgres|\.mongodb|\.redis|\.kafka)\.ts$|^platform\/([a-z-]+\/)?(postgres|mongodb|kafka)\/|^start\/|^testbed\/|^bench\//
  expect(drivers.filter(({ file }) => !adapters.test(file))).toEqual([])
})
