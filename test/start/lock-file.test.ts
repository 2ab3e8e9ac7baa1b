// Lets npm compare package-lock.json with package.json. It needs no network: a complete lock file answers everything.
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { ROOT } from '#test/docs/pages.ts'

const FOLDERS = ['.', 'bench/peers/gateway', 'bench/peers/vendure']
let folder: string | undefined

afterEach(async () => {
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function copyOf(place: string): Promise<string> {
  folder = await mkdtemp(path.join(tmpdir(), 'waybill-lock-'))
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    await copyFile(path.join(ROOT, place, file), path.join(folder, file))
  return folder
}

/** Runs npm without a network and with an empty cache, and resolves with its exit code. */
async function dryRun(cwd: string): Promise<{ code: number; said: string }> {
  const cache = path.join(cwd, 'cache')
  const args = [
    'ci',
    '--dry-run',
    '--ignore-scripts',
    '--offline',
    `--cache=${cache}`,
    '--no-audit',
    '--no-fund',
  ]
  try {
    const { stderr } = await promisify(execFile)('npm', args, { cwd, maxBuffer: 16 * 1024 * 1024 })
    return { code: 0, said: stderr }
  } catch (error) {
    const { code, stderr } = { code: undefined, stderr: '', ...(error instanceof Error && error) }
    if (typeof code !== 'number') throw error // npm could not be run
    return { code, said: String(stderr) }
  }
}

test.each(FOLDERS)('npm ci accepts the lock file of %s', async place => {
  const { code, said } = await dryRun(await copyOf(place))
  expect(code, said).toBe(0)
})

test('npm ci rejects a lock file that lacks an optional package of another platform', async () => {
  const cwd = await copyOf('.')
  const file = path.join(cwd, 'package-lock.json')
  const lock = JSON.parse(await readFile(file, 'utf8'))
  delete lock.packages['node_modules/@biomejs/cli-win32-x64']
  await writeFile(file, JSON.stringify(lock))
  expect(await dryRun(cwd)).toMatchObject({
    code: 1,
    said: expect.stringContaining('Missing: @biomejs/cli-win32-x64'),
  })
})

test.each(FOLDERS)('the lock file of %s names no registry, so that any registry serves it', async place => {
  const lock = JSON.parse(await readFile(path.join(ROOT, place, 'package-lock.json'), 'utf8'))
  const packages = Object.entries<Record<string, unknown>>(lock.packages).filter(
    ([name, { link }]) => name.startsWith('node_modules/') && link !== true, // the others are of this repository
  )
  expect(packages.filter(([, entry]) => 'resolved' in entry)).toEqual([])
  expect(packages.filter(([, entry]) => !('integrity' in entry))).toEqual([])
})
