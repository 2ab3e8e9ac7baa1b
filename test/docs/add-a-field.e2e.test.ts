// Follows docs/how-to/add-a-field.md in a copy of the repository: every change, every command, and what they print.
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { type Block, blocksOf, ROOT, readPage } from '#test/docs/pages.ts'
import { followPage } from '#test/docs/shell-blocks.ts'
import { freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

const PAGE = 'docs/how-to/add-a-field.md'
/** Packages, data, history and results are not part of the sources. */
const LEFT_OUT = ['node_modules', '.data', '.git', 'bench/results']

test('whoever follows the page has the new field on the web page, the mobile list and live changes', async () => {
  await using copied = await copyOfTheTree()
  const { tree } = copied
  for (const block of blocksOf(readPage(PAGE)))
    if (block.language === 'diff') await applyDiff(tree, block)
    else if (writesOrChecksTheSources(block)) await runIn(tree, block.text)

  await using data = await openDataDir()
  const portBase = await freePortBase()
  await using _copy = await startWaybill({ tree, dataDir: data.dataDir, portBase })
  await followPage(PAGE, { tree, dataDir: data.dataDir, portBase })
}, 240_000)

async function copyOfTheTree(): Promise<AsyncDisposable & { readonly tree: string }> {
  const tree = await mkdtemp(path.join(tmpdir(), 'waybill-tree-'))
  const filter = (from: string) => !LEFT_OUT.includes(path.relative(ROOT, from))
  await cp(ROOT, tree, { recursive: true, filter })
  await symlink(path.join(ROOT, 'node_modules'), path.join(tree, 'node_modules'))
  return { tree, [Symbol.asyncDispose]: () => rm(tree, { recursive: true, force: true }) }
}

/** The typecheck that is shown before its errors are mended is told from the one that must pass: the tests run it. */
function writesOrChecksTheSources({ language, text }: Block): boolean {
  return language === 'sh' && text.startsWith('npm run --silent compose')
}

/** Puts the lines with `+` where the page shows them. Throws unless the lines around them stand in the file once. */
async function applyDiff(tree: string, { marks, text }: Block): Promise<void> {
  const file = marks.find(mark => mark.startsWith('file='))?.slice('file='.length) ?? ''
  const lines = text.trimEnd().split('\n')
  const without = (sign: string) =>
    lines.flatMap(line => (line.startsWith(sign) ? [] : [line.slice(1)])).join('\n')
  const source = await readFile(path.join(tree, file), 'utf8')
  expect(source.split(without('+')).length - 1, `places in ${file} that the page can mean`).toBe(1)
  await writeFile(
    path.join(tree, file),
    source.replace(without('+'), () => without('-')),
  )
}

async function runIn(tree: string, script: string): Promise<void> {
  const env = { ...process.env, PATH: `${path.join(tree, 'node_modules/.bin')}:${process.env.PATH}` }
  await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', script], { cwd: tree, env })
}
