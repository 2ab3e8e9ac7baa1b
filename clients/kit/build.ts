// Builds the package in the form that is published, into dist/ or the folder that is given: node clients/kit/build.ts
// [FOLDER]
import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { rolldown } from 'rolldown'
import manifest from './package.json' with { type: 'json' }

const ROOT = import.meta.dirname
const TSC = path.join(ROOT, '../../node_modules/typescript/bin/tsc')
const COMMENT = /\/\*\*[\s\S]*?\*\//g
const IMPORTED = / from '(\.[^']+)\.ts'/g
/** The sources of the entries, by name. */
const ENTRIES = {
  index: 'core/index',
  codegen: 'codegen',
  live: 'live/live',
  outbox: 'outbox/outbox',
  apollo: 'adapters/apollo',
  urql: 'adapters/urql',
}

/** Replaces `folder` by the package: modules, types, manifest, README, licence. Rejects with the errors of the compiler. */
export async function buildKit(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  const types = path.join(folder, 'types')
  try {
    execFileSync(process.execPath, [TSC, '-p', ROOT, '--outDir', types], { encoding: 'utf8' })
  } catch (error) {
    throw new Error(
      `the kit does not compile:\n${error instanceof Error && 'stdout' in error && error.stdout}`,
    )
  }
  trimTypes(types)
  await bundle(folder)
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(publishedManifest()))
  writeFileSync(path.join(folder, 'README.md'), publishedReadme())
  copyFileSync(path.join(ROOT, '../../LICENSE'), path.join(folder, 'LICENSE'))
}

/** Code that several entries need is a module of its own, so that an app loads it once. */
async function bundle(folder: string): Promise<void> {
  await using build = await rolldown({
    input: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, source]) => [name, path.join(ROOT, 'src', `${source}.ts`)]),
    ),
    external: /^[^./]/,
  })
  await build.write({
    dir: folder,
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    codeSplitting: { groups: [{ name: 'shared', minShareCount: 2 }] },
  })
}

/** Keeps the types that the entries' types name, and has them name modules as the compiler of an app resolves them. */
function trimTypes(types: string): void {
  const reached = new Set(Object.values(ENTRIES).map(source => path.join(types, `${source}.d.ts`)))
  for (const file of reached) {
    // The set grows meanwhile.
    const text = readFileSync(file, 'utf8')
    for (const [, target = ''] of text.matchAll(IMPORTED))
      reached.add(path.join(path.dirname(file), `${target}.d.ts`))
    writeFileSync(
      file,
      text.replace(IMPORTED, " from '$1.js'").replace(COMMENT, firstSentence).replace(/^ +/gm, ' '),
    )
  }
  for (const file of globSync('**/*.d.ts', { cwd: types }))
    if (!reached.has(path.join(types, file))) rmSync(path.join(types, file))
}

/** A package of 15 KB has room for what an editor shows first; the sources have the rest. */
function firstSentence(comment: string): string {
  const text = comment.replace(/^\/\*\*|\*\/$|\n\s*\*/g, ' ').trim()
  return `/** ${text.replace(/([.;:])\s[\s\S]*$/, '.').replace(/\s+/g, ' ')} */`
}

/** The README of the package is the beginning of that in the sources: what there is, and where to read on. */
function publishedReadme(): string {
  return readFileSync(path.join(ROOT, 'README.md'), 'utf8').replace(/\n## [\s\S]*$/, '')
}

/**
 * The peers stand in the published manifest alone: as peers of a workspace they would be part of every production
 * installation of the platform.
 */
function publishedManifest(): object {
  const { private: _private, scripts: _scripts, exports: _exports, published, ...rest } = manifest
  const exported = Object.entries(ENTRIES).map(([name, source]) => [
    name === 'index' ? '.' : `./${name}`,
    { types: `./types/${source}.d.ts`, default: `./${name}.js` },
  ])
  return { ...rest, exports: Object.fromEntries(exported), ...published }
}

if (import.meta.main) await buildKit(path.resolve(process.argv[2] ?? path.join(ROOT, 'dist')))
