// Runs every script of package.json as npm does: its help, its rejection of unknown arguments, and its effects.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '#test/docs/pages.ts'
import { COMMANDS, commandList } from '#tools/commands.ts'
import packageFile from '../../package.json' with { type: 'json' }

const scripts: Readonly<Record<string, string>> = packageFile.scripts
const names = Object.keys(scripts)
const isPre = (name: string) => name.startsWith('pre') && names.includes(name.slice(3))

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-commands-'))
  await mkdir(path.join(dataDir, 'logs'))
  await writeFile(path.join(dataDir, 'seeded'), 'once\n')
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** Runs the script's own command line, without its pre-script. */
function run(name: string, ...args: string[]): Promise<Ended> {
  const command = `${scripts[name]} ${args.map(arg => `'${arg}'`).join(' ')}`
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`,
  }
  return new Promise(resolve => {
    const child = execFile('sh', ['-c', command], { cwd: ROOT, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
    child.stdin?.end()
  })
}

test('npm run help lists every script of package.json, and no others', async () => {
  const own = names.filter(name => !isPre(name))
  expect(COMMANDS.map(({ name }) => name).sort()).toEqual(own.sort())
  expect(await run('help')).toEqual({ code: 0, stdout: `${commandList()}\n`, stderr: '' })
})

test('every script installs what it needs before it runs', () => {
  const bare = names.filter(
    name => !isPre(name) && !scripts[`pre${name}`]?.startsWith('node start/install.mjs'),
  )
  expect(bare).toEqual([])
})

describe.each(COMMANDS.map(command => [command.name, command] as const))('%s', (name, command) => {
  test('has a help text with its purpose and an example', async () => {
    const { code, stdout, stderr } = await run(name, '--help')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(command.purpose)
    expect(stdout).toContain(`Example: ${command.examples[0]}`)
  })

  test('refuses an unknown option with a sentence', async () => {
    const { code, stdout, stderr } = await run(name, '--no-such-option')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /has no option --no-such-option: it takes .*--help\.\n.* --help shows how it is used\.\n$/,
    )
  })
})

test('reset deletes nothing for --help, and nothing without a yes', async () => {
  await run('reset', '--help')
  const { code, stderr } = await run('reset')
  expect(code).toBe(1)
  expect(stderr).toContain(`This deletes all data of the instance in ${dataDir} (ports 4000 to 4104).`)
  expect((await readdir(dataDir)).sort()).toEqual(['logs', 'seeded'])
})

test('reset with --yes deletes what the instance wrote, keeps other files, and says when there is nothing', async () => {
  await writeFile(path.join(dataDir, 'notes.txt'), 'mine')
  expect((await run('reset', '--yes')).stdout).toContain(`Deleted the data in ${dataDir}`)
  expect(await readdir(dataDir)).toEqual(['notes.txt'])
  expect((await run('reset', '--yes')).stdout).toContain('Nothing was changed')
})

test('a command for a running instance says that none is running, and where it looked', async () => {
  const { code, stderr } = await run('rebuild', 'orders')
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^NOT_RUNNING: the instance in .* is not running: start it with DATA_DIR=.* npm start/,
  )
})

const SAMPLE = ['test/tools/import/northwind', '--mapping', 'northwind']

test('import makes no key for an instance that was never started', async () => {
  const before = await readdir(dataDir)
  const { code, stderr } = await run('import', ...SAMPLE)
  expect(code).toBe(2)
  expect(stderr).toMatch(/NO_ISSUER_KEY: There is no key in .*auth yet: run `DATA_DIR=.* npm start` first/)
  expect(await readdir(dataDir)).toEqual(before)
})

test('import checks before it begins that its report can be written', async () => {
  const { code, stdout, stderr } = await run('import', ...SAMPLE, '--report', '/nowhere/report.txt')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toBe('REPORT_NOT_WRITABLE: --report cannot be written: the folder /nowhere is not there.\n')
})

test('dead-letters explains how to name a database', async () => {
  const { code, stderr } = await run('dead-letters', 'list', '--database', 'orders')
  expect(code).toBe(2)
  expect(stderr).toContain('--database should be a URL such as postgres://')
})
