// Runs the gateway as a process, and gives tests its address, its output and its exit code.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

type GatewayProcess = AsyncDisposable & {
  /** Resolves with the address once it listens; rejects with what it printed when it ends before. */
  readonly url: Promise<string>
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Lines of standard output, which is the log. */
  readonly log: readonly string[]
  /** Lines of standard error, which people read. */
  readonly told: readonly string[]
  /** Resolves with the first line of the log, past or to come, that holds `text`. */
  logged(text: string): Promise<string>
  /** Resolves with the first such line of standard error. */
  toldThat(text: string): Promise<string>
  signal(name: NodeJS.Signals): void
}

/** Runs `npm run gateway` without its pre-script, which would reinstall the packages that tests use. */
export function npmRunGateway(env: Readonly<Record<string, string>>): GatewayProcess {
  return launch('npm', ['run', '--silent', '--ignore-scripts', 'gateway'], env)
}

/** Runs the program itself, so that signals reach only it. */
export function runGateway(env: Readonly<Record<string, string>>): GatewayProcess {
  return launch(process.execPath, ['gateway/main.ts'], env)
}

function launch(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): GatewayProcess {
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${path.join(ROOT, 'node_modules/.bin')}:${PATH}`, HOME, TMPDIR, PORT: '0', ...env },
  })
  const log = collect(child.stdout)
  const told = collect(child.stderr)
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  const url = log.seen('gateway is listening').then(line => String(JSON.parse(line).url))
  const printed = () => [...log.lines, ...told.lines].join('\n')
  const failed = ended.then(end => Promise.reject(new Error(`the gateway ended with ${end}:\n${printed()}`)))
  failed.catch(() => {}) // a test may end the process before it waits for anything
  return {
    url: Promise.race([url, failed]),
    ended,
    log: log.lines,
    told: told.lines,
    logged: text => Promise.race([log.seen(text), failed]),
    toldThat: text => Promise.race([told.seen(text), failed]),
    signal: name => void child.kill(name),
    [Symbol.asyncDispose]: () => end(child, ended),
  }
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  await ended
}

function collect(stream: NodeJS.ReadableStream) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: stream }).on('line', line => {
    lines.push(line)
    for (const check of waiting) check()
  })
  const seen = (text: string) =>
    new Promise<string>(resolve => {
      const check = () => {
        const line = lines.find(candidate => candidate.includes(text))
        if (line === undefined) return void waiting.add(check)
        waiting.delete(check)
        resolve(line)
      }
      check()
    })
  return { lines, seen }
}
