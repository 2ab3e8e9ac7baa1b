// Implements `npm run test:engines`: finds or installs each engine within a time limit, then runs the tests that need one.
import { spawn } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { ENGINES } from '#testbed/engines/engines.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const MINUTE_MS = 60_000
/** The limit for one engine: enough to build Temporal or Consul from scratch. */
const INSTALL_MS = 15 * MINUTE_MS
/** The limit for all engines together; those missing by then are skipped. */
const ALL_MS = 25 * MINUTE_MS
const TESTS_MS = 40 * MINUTE_MS
const PROGRESS_MS = 30_000
const LONGEST_REASON = 200

type Availability = { readonly name: string; readonly line: string; readonly missing?: string }
type Ended = { readonly code: number | undefined; readonly said: string; readonly ms: number }

/** Runs a process in its own group and kills the group after `limitMs`; `code` is undefined then. */
async function runBounded(
  args: readonly string[],
  { limitMs, env = {}, shown }: { limitMs: number; env?: Readonly<Record<string, string>>; shown: boolean },
): Promise<Ended> {
  const began = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', shown ? 'inherit' : 'ignore', shown ? 'inherit' : 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', chunk => {
    said = `${said}${chunk}`.slice(-LONGEST_REASON)
  })
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  const stop = () => {
    end()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  const timer = setTimeout(end, limitMs)
  const code = await new Promise<number | undefined>(resolve => {
    child.once('error', () => resolve(undefined))
    child.once('close', ended => resolve(ended ?? undefined))
  })
  clearTimeout(timer)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop)
  return { code, said: said.trim().replaceAll(/\s+/g, ' '), ms: performance.now() - began }
}

async function provide(name: string, limitMs: number): Promise<Availability> {
  const label = name.padEnd(10)
  const engine = ENGINES[name]
  const found = engine?.find()
  if (found) return { name, line: `${label}${found.version} (from ${found.from})` }
  const began = performance.now()
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)} s`
  console.log(`${label}installing it, which may take up to ${(limitMs / MINUTE_MS).toFixed(0)} minutes`)
  const progress = setInterval(() => console.log(`${label}… ${seconds()}`), PROGRESS_MS)
  const { code, said } = await runBounded(['testbed/engines/install-engine.ts', name], {
    limitMs,
    shown: false,
  })
  clearInterval(progress)
  const got = code === 0 ? engine?.find() : undefined
  if (got) return { name, line: `${label}${got.version} (from ${got.from}, ${seconds()})` }
  const missing =
    code === undefined ? `it could not be installed within ${seconds()}` : said || 'no reason was given'
  return { name, line: `${label}skipped: ${missing}`, missing }
}

async function provideAll(): Promise<Availability[]> {
  const deadline = performance.now() + ALL_MS
  const engines: Availability[] = []
  for (const name of Object.keys(ENGINES)) {
    const left = Math.max(1_000, deadline - performance.now())
    const one = await provide(name, Math.min(INSTALL_MS, left))
    console.log(one.line)
    engines.push(one)
  }
  return engines
}

const provided = await provideAll()
const missing = Object.fromEntries(
  provided.flatMap(one => (one.missing ? [[ENGINES[one.name]?.name, one.missing]] : [])),
)
/** Killing every process and engine in turn takes long and has its own command: `npm run test:fleet`. */
const others = process.argv.length > 2 ? process.argv.slice(2) : ['--exclude', 'test/fleet/*.engine.test.ts']
const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs')
const tests = await runBounded([vitest, 'run', ...others], {
  limitMs: TESTS_MS,
  env: { ENGINES: '1', ENGINES_MISSING: JSON.stringify(missing) },
  shown: true,
})
console.log(`\nThe engines were:\n${provided.map(({ line }) => `  ${line}`).join('\n')}`)
if (tests.code === undefined)
  console.log(`The tests were stopped: they did not finish within ${TESTS_MS / MINUTE_MS} minutes.`)
process.exitCode = tests.code ?? 1
