// Builds front ends as their developers do: generated types, Relay's compiler, the type check, the bundler.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Block, blocksOf, ROOT, readPage, sectionOf } from '#test/docs/pages.ts'

const BIN = path.join(ROOT, 'node_modules/.bin')
const PAGE = readPage('docs/how-to/build-a-web-front-end.md')

/** A built front end; its files are in `dist`. Disposing removes it. */
export type FrontEnd = AsyncDisposable & { readonly dist: string }

/** Builds the front ends of these tests, each as a page `NAME/index.html`. */
export function buildFrontEnds(): Promise<FrontEnd> {
  return buildFrom('test/front-ends/apps', async run => {
    await Promise.all([
      run('graphql-codegen', '--config', 'codegen.ts'),
      run('relay-compiler', 'relay.config.json'),
    ])
    await run('tsc', '-p', '.')
    await run('vite', 'build', '--logLevel', 'error')
  })
}

/** The front ends that the how-to builds, each with the part of the page that does. */
const CHAPTERS = {
  'Apollo Client': PAGE.slice(0, PAGE.indexOf('\n## With urql\n')),
  urql: sectionOf(PAGE, 'With urql'),
  Relay: sectionOf(PAGE, 'With Relay'),
} as const
export type Chapter = keyof typeof CHAPTERS

/** Builds what a reader of the how-to has in the end, from the template of `npm create vite` and the blocks of the page. */
export function buildFromPage(
  chapter: Chapter,
  { api, token }: { readonly api: string; readonly token: string },
): Promise<FrontEnd> {
  const blocks = blocksOf(CHAPTERS[chapter])
  const settings = blocksOf(PAGE).filter(block => fileOf(block) === '.env.local')
  return buildFrom('node_modules/create-vite/template-react-ts', async (run, folder) => {
    for (const block of [...settings, ...blocks]) {
      const file = fileOf(block)
      const text = block.text
        .replaceAll('http://127.0.0.1:4000/graphql', api)
        .replaceAll('PASTE-IT-HERE', token)
      if (file) await writeFile(path.join(folder, file), text)
    }
    if (chapter === 'Relay') await run('relay-compiler')
    else await run('graphql-codegen')
    await run('tsc', '-b') // this and the next are the template's `npm run build`
    await run('vite', 'build', '--logLevel', 'error')
  })
}

/** The packages that a reader is told to install. */
export function packagesOfPage(): string[] {
  return blocksOf(PAGE)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => [...text.matchAll(/^npm install (.*)$/gm)])
    .flatMap(([, names = '']) => names.split(' ').filter(name => !name.startsWith('-')))
}

function fileOf({ marks }: Block): string | undefined {
  return marks.find(mark => mark.startsWith('file='))?.slice('file='.length)
}

type Run = (program: string, ...args: string[]) => Promise<void>

/** Copies a folder of this repository and the web graph, and carries out `build` in the copy, which finds all packages. */
async function buildFrom(
  sources: string,
  build: (run: Run, folder: string) => Promise<void>,
): Promise<FrontEnd> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-front-end-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  await cp(path.join(ROOT, sources), folder, { recursive: true })
  await cp(path.join(ROOT, 'schema/bff-web.graphql'), path.join(folder, 'bff-web.graphql'))
  await linkPackages(path.join(folder, 'node_modules'))
  await build((program, ...args) => runIn(folder, program, args), folder)
  const built = open.move()
  return { dist: path.join(folder, 'dist'), [Symbol.asyncDispose]: () => built.disposeAsync() }
}

/** The folder is a real one, since builds write their notes into it. */
async function linkPackages(folder: string): Promise<void> {
  await mkdir(folder)
  const names = await readdir(path.join(ROOT, 'node_modules'))
  await Promise.all(
    names
      .filter(name => !name.startsWith('.'))
      .map(name => symlink(path.join(ROOT, 'node_modules', name), path.join(folder, name))),
  )
}

/** Throws with what the program printed when it fails. */
async function runIn(folder: string, program: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, NODE_ENV: 'production', PATH: `${BIN}:${process.env.PATH}` }
  try {
    await promisify(execFile)(path.join(BIN, program), args, { cwd: folder, env })
  } catch (error) {
    throw new Error(`${program} failed: ${printed(error, 'stdout')}${printed(error, 'stderr')}`, {
      cause: error,
    })
  }
}

function printed(error: unknown, stream: 'stdout' | 'stderr'): string {
  return error instanceof Error && stream in error ? String(Reflect.get(error, stream)) : ''
}
