// One throw-away PostgreSQL for a whole test run; each test file takes databases of its own from it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A connection string whose user may create databases. */
    postgresUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-test-'))
  const postgres = await startEmbeddedPostgres({ directory, log: () => {}, volatile: true })
  project.provide('postgresUrl', await postgres.database('waybill_test'))
  return async () => {
    await postgres[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}
