import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkTypes, type PackedKit, packKit } from '#test/clients/kit/packed-kit.ts'
import { blocksOf, readPage } from '#test/docs/pages.ts'
import rootManifest from '../../../package.json' with { type: 'json' }

const MOST_BYTES = 15 * 1024
const PEERS = ['@apollo/client', '@urql/core', 'graphql']
/** The packages that each entry may load besides modules of the kit. */
const LOADED: Readonly<Record<string, readonly string[]>> = {
  '.': [],
  './codegen': [],
  './live': [],
  './outbox': [],
  './apollo': ['@apollo/client/errors', '@apollo/client/link', '@apollo/client/utilities', 'graphql'],
  './urql': ['@urql/core'],
}

type Manifest = Record<string, unknown> & {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
}

let kit: PackedKit
let manifest: Manifest

beforeAll(async () => {
  kit = await packKit(PEERS)
  manifest = JSON.parse(await readFile(path.join(kit.folder, 'package.json'), 'utf8'))
})
afterAll(() => kit?.[Symbol.asyncDispose]())

test(`the published package has at most ${MOST_BYTES} bytes`, () => {
  expect(kit.bytes).toBeLessThanOrEqual(MOST_BYTES)
})

test('it has the version of the platform, no dependencies, and only optional peers', () => {
  expect(manifest).toMatchObject({ name: '@waybill/kit', version: rootManifest.version, type: 'module' })
  expect(manifest).not.toHaveProperty('dependencies')
  expect(manifest).not.toHaveProperty('private')
  expect(Object.keys(manifest.peerDependencies ?? {})).toEqual(PEERS)
  expect(manifest.peerDependenciesMeta).toEqual(
    Object.fromEntries(PEERS.map(peer => [peer, { optional: true }])),
  )
})

test('the workspace has no peers, which every production installation would get', async () => {
  const workspace: object = JSON.parse(readPage('clients/kit/package.json'))
  expect(workspace).not.toHaveProperty('peerDependencies')
  expect(workspace).not.toHaveProperty('dependencies')
})

test('the entries are those of the workspace, and each loads no client but its own', async () => {
  const workspace: Manifest = JSON.parse(readPage('clients/kit/package.json'))
  expect(Object.keys(manifest.exports)).toEqual(Object.keys(workspace.exports))
  const loaded = Object.entries(manifest.exports).map(async ([name, entry]) => [
    name,
    await packagesLoadedBy(path.join(kit.folder, entry.default)),
  ])
  expect(Object.fromEntries(await Promise.all(loaded))).toEqual(LOADED)
})

/** Returns the packages that a module imports, itself or through modules of the kit. */
async function packagesLoadedBy(entry: string): Promise<string[]> {
  const files = new Set([entry])
  const packages = new Set<string>()
  for (const file of files) // the set grows meanwhile
    for (const [, specifier = ''] of (await readFile(file, 'utf8')).matchAll(
      /(?:from|import)\s*\(?"([^"]+)"/g,
    ))
      if (specifier.startsWith('.')) files.add(path.join(path.dirname(file), specifier))
      else packages.add(specifier)
  return [...packages].sort()
}

test('every entry can be imported from an app, and its types hold without those of a browser', async () => {
  const names = Object.keys(manifest.exports).map(entry => entry.replace('.', '@waybill/kit'))
  const imports = names.map((name, index) => `import * as entry${index} from '${name}'`)
  const uses = names.map((_, index) => `console.log(Object.keys(entry${index}).length > 0)`)
  await writeFile(path.join(kit.app, 'app.mjs'), [...imports, ...uses].join('\n'))
  const { stdout } = await promisify(execFile)(process.execPath, ['app.mjs'], { cwd: kit.app })
  expect(stdout.trim().split('\n')).toEqual(names.map(() => 'true'))
  await writeFile(path.join(kit.app, 'entries.ts'), [...imports, ...uses].join('\n'))
  expect(await checkTypes(kit, ['entries.ts'])).toEqual([])
})

test('the code in its README holds against its types', async () => {
  const blocks = blocksOf(readPage('clients/kit/README.md')).filter(({ language }) => language === 'ts')
  const files = blocks.map((_, index) => `readme${index}.ts`)
  for (const [index, { text }] of blocks.entries())
    await writeFile(path.join(kit.app, `readme${index}.ts`), text)
  expect(await checkTypes(kit, files)).toEqual([])
})
