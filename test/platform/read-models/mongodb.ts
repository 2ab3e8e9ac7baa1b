// A MongoDB for tests: MONGODB_URL, or a throw-away `mongod` from PATH. Says why there is none.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '#start/postgres-server.ts'

export type TestMongodb = AsyncDisposable & { readonly url: string }
type Source = { start(): Promise<TestMongodb> } | { readonly missing: string }

export function findMongodb(): Source {
  const given = process.env.MONGODB_URL
  if (given) return { start: async () => ({ url: given, [Symbol.asyncDispose]: async () => {} }) }
  const program = onPath('mongod')
  if (program) return { start: () => launch(program) }
  return { missing: 'MONGODB_URL is not set, and mongod is not on PATH' }
}

function onPath(name: string): string | undefined {
  const candidates = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name))
  return candidates.find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function launch(program: string): Promise<TestMongodb> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-mongodb-'))
  const port = await freePort()
  const settings = ['--dbpath', folder, '--port', `${port}`, '--bind_ip', '127.0.0.1']
  const server = spawn(program, settings, { stdio: 'ignore' })
  await once(server, 'spawn')
  return {
    url: `mongodb://127.0.0.1:${port}/waybill`,
    async [Symbol.asyncDispose]() {
      await stop(server)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  server.kill('SIGTERM')
  await once(server, 'exit')
}
