// Starts Temporal's development server for tests and benchmarks, found on PATH or built by Go from the module proxy.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Connection } from '@temporalio/client'
import { freePort } from '#start/postgres-server.ts'
import {
  ENGINES_FOLDER,
  type Engine,
  engineAt,
  findOnPath,
  outputOf,
  type RunningEngine,
} from '#testbed/engines/engine.ts'
import { buildWithGo } from '#testbed/engines/go-build.ts'
import { startServerProcess } from '#testbed/engines/server-process.ts'

/** The newest version that `go install` takes: later ones replace a module with an unpublished one. */
const VERSION = '1.5.1'
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${VERSION}`
const OBTAINED = path.join(ENGINES_FOLDER, `temporal-${VERSION}`)
const BUILD_MS = 3_600_000

export const temporal: Engine = {
  name: 'Temporal',
  find() {
    const given = engineAt('TEMPORAL_URL', 'Temporal')
    if (given) return given
    const binary = findOnPath('temporal') ?? OBTAINED
    const version = versionOf(binary)
    const from = binary === OBTAINED ? 'the Go module proxy' : 'PATH'
    return version ? { version, from, start: () => startTemporal(binary) } : undefined
  },
  install: () =>
    buildWithGo({
      name: `Temporal ${VERSION}`,
      place: OBTAINED,
      limitMs: BUILD_MS,
      async build(go, folder) {
        await go(folder, 'install', '-trimpath', '-ldflags', '-s -w', MODULE)
        return path.join(folder, 'temporal')
      },
    }),
}

/** Reads 1.29.1 from `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`. */
function versionOf(binary: string): string | undefined {
  const text = outputOf(binary, '--version')
  return text && `Temporal ${/Server ([^,)]+)/.exec(text)?.[1] ?? text}`
}

/** Starts the server on a free loopback port with the namespace `default`. */
async function startTemporal(binary: string): Promise<RunningEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-temporal-'))
  const port = await freePort()
  const server = await startServerProcess({
    name: 'Temporal',
    launch: () => spawn(binary, serverArguments(folder, port), { stdio: 'ignore' }),
    answers: () => hasNamespace(`127.0.0.1:${port}`, 'default'),
  })
  return {
    url: `temporal://127.0.0.1:${port}/default`,
    faults: server,
    async [Symbol.asyncDispose]() {
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Writes survive its process but not the machine: a disk write per commit would take most of its time. */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=OFF']
/** Tasks go straight to the worker that polls, and static configuration is not read per request. */
const SETTINGS = [
  'system.enableActivityEagerExecution=true',
  'system.forceSearchAttributesCacheRefreshOnRead=false',
]

function serverArguments(folder: string, port: number): string[] {
  return [
    ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)],
    ['--db-filename', path.join(folder, 'temporal.db'), '--log-level', 'never'],
    PRAGMAS.flatMap(pragma => ['--sqlite-pragma', pragma]),
    SETTINGS.flatMap(setting => ['--dynamic-config-value', setting]),
  ].flat()
}

async function hasNamespace(address: string, namespace: string): Promise<boolean> {
  const connection = Connection.lazy({ address, connectTimeout: 1_000 })
  try {
    const service = connection.workflowService
    await connection.withDeadline(Date.now() + 1_000, () => service.describeNamespace({ namespace }))
    return true
  } finally {
    await connection.close()
  }
}
