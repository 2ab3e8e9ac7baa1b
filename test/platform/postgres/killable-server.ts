// Starts a PostgreSQL server for crash tests, whose commits are durable unless they are soft.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { queryDatabase } from '#test/fixtures/databases.ts'

/** The server is there until the test ends. Its soft commits are lost when it is killed. */
export async function startKillableServer() {
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-crash-'))
  const postgres = await startEmbeddedPostgres({ directory, log: () => {} })
  onTestFinished(async () => {
    await postgres[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })
  const url = await postgres.database('crash')
  await queryDatabase(url, "ALTER SYSTEM SET wal_writer_delay = '10s'")
  await queryDatabase(url, "ALTER SYSTEM SET wal_writer_flush_after = '1GB'")
  await queryDatabase(url, 'SELECT pg_reload_conf()')
  return {
    url,
    /** SIGKILL: what was not written to the log is gone. The server is started again at once. */
    async kill() {
      const pidFile = path.join(directory, 'cluster', 'postmaster.pid')
      process.kill(Number((await readFile(pidFile, 'utf8')).split('\n')[0]), 'SIGKILL')
    },
  }
}
