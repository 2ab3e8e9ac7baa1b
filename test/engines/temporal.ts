// Temporal for tests: its development server, found on PATH or built by Go from the module proxy. Free of any workflow.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '@temporalio/client'
import { freePort } from '#start/postgres-server.ts'
import { ENGINES_FOLDER, type Engine, type RunningEngine } from '#test/engines/engine.ts'

/** The newest that `go install` takes: later ones replace a module by one that is not published. */
const VERSION = '1.5.1'
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${VERSION}`
const OBTAINED = path.join(ENGINES_FOLDER, `temporal-${VERSION}`)
const BUILD_MS = 3_600_000
const START_MS = 60_000

export const temporal: Engine = {
  name: 'Temporal',
  find() {
    const url = process.env.TEMPORAL_URL
    if (url) {
      const start = async () => ({ url, async [Symbol.asyncDispose]() {} })
      return { version: 'Temporal', from: 'TEMPORAL_URL', start }
    }
    const binary = temporalBinary()
    const version = binary && versionOf(binary)
    if (binary === undefined || version === undefined) return undefined
    const from = binary === OBTAINED ? 'the Go module proxy' : 'PATH'
    return { version, from, start: () => startTemporal(binary) }
  },
  async obtain() {
    if (existsSync(OBTAINED)) return
    await mkdir(ENGINES_FOLDER, { recursive: true })
    const folder = await mkdtemp(path.join(ENGINES_FOLDER, 'temporal-'))
    try {
      const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' }
      const build = ['-n', '10', 'go', 'install', '-trimpath', '-ldflags', '-s -w', MODULE]
      await promisify(execFile)('nice', build, { env, timeout: BUILD_MS, maxBuffer: 2 ** 26 })
      await rename(path.join(folder, 'temporal'), OBTAINED)
    } catch (cause) {
      throw new Error(`Go could not build Temporal ${VERSION}: ${reasonOf(cause)}`, { cause })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.includes('ENOENT') ? 'go is not on PATH' : text.trim().split('\n').slice(-2).join(' ')
}

/** What is on PATH, else what was built. */
function temporalBinary(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return [...folders.map(folder => path.join(folder, 'temporal')), OBTAINED].find(existsSync)
}

/** `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)` is Temporal 1.29.1. */
function versionOf(binary: string): string | undefined {
  try {
    const text = execFileSync(binary, ['--version'], { encoding: 'utf8' })
    return `Temporal ${/Server ([^,)]+)/.exec(text)?.[1] ?? text.trim()}`
  } catch {
    return undefined
  }
}

/** On loopback, on a free port, with the namespace `default`. */
async function startTemporal(binary: string): Promise<RunningEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-temporal-'))
  const port = await freePort()
  const launch = async () => {
    const server = spawn(binary, serverArguments(folder, port), { stdio: 'ignore' })
    await answers(server, `127.0.0.1:${port}`)
    return server
  }
  let server = await launch()
  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL') // a paused one, too
    await ended
  }
  return {
    url: `temporal://127.0.0.1:${port}/default`,
    faults: {
      kill,
      async restart() {
        await kill()
        server = await launch()
      },
      pause: () => void server.kill('SIGSTOP'),
      resume: () => void server.kill('SIGCONT'),
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What it has answered outlives its process, and not the machine: a disk write for each commit would take most of its time. */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=OFF']

function serverArguments(folder: string, port: number): string[] {
  return [
    ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)],
    ['--db-filename', path.join(folder, 'temporal.db'), '--log-level', 'never'],
    PRAGMAS.flatMap(pragma => ['--sqlite-pragma', pragma]),
  ].flat()
}

/** Resolves once its namespace is there. */
async function answers(server: ChildProcess, address: string): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`Temporal ended with ${server.exitCode}`)
    if (await hasNamespace(address, 'default')) return
    await delay(50)
  }
  server.kill('SIGKILL')
  throw new Error(`Temporal did not answer within ${START_MS / 1000} s`)
}

async function hasNamespace(address: string, namespace: string): Promise<boolean> {
  const connection = Connection.lazy({ address, connectTimeout: 1_000 })
  try {
    const service = connection.workflowService
    await connection.withDeadline(Date.now() + 1_000, () => service.describeNamespace({ namespace }))
    return true
  } catch {
    return false
  } finally {
    await connection.close()
  }
}
