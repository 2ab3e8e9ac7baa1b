import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { isSameServer } from '#platform/postgres/same-server.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'

test('two databases of one server are on the same server, for roles without privileges too', async () => {
  const [first, second] = await Promise.all([freshDatabase(), freshDatabase()])
  expect(await isSameServer(first, second)).toBe(true)
  await queryDatabase(first, "CREATE ROLE ordinary LOGIN PASSWORD 'ordinary'")
  expect(await isSameServer(asOrdinary(first), asOrdinary(second))).toBe(true)
})

test('a copy of a cluster is another server, though it has the identifier of the original', async () => {
  await using original = await startCluster()
  const [first, second] = [await original.postgres.database('one'), await original.postgres.database('two')]
  expect(await isSameServer(first, second)).toBe(true)
  await original.postgres[Symbol.asyncDispose]()

  await using copy = await startCluster(original.directory)
  await using again = await startCluster(original.directory)
  const [one, two] = [await copy.postgres.database('one'), await again.postgres.database('one')]
  const identifier = 'SELECT system_identifier AS id FROM pg_control_system()'
  expect(await queryDatabase(one, identifier)).toEqual(await queryDatabase(two, identifier))
  expect(await isSameServer(one, two)).toBe(false)
})

test('a database that cannot be reached, or is no PostgreSQL, is on no known server', async () => {
  const url = await freshDatabase()
  expect(await isSameServer(url, 'postgres://nobody@127.0.0.1:1/nothing')).toBe(false)
  expect(await isSameServer(url, 'mongodb://127.0.0.1/waybill')).toBe(false)
})

function asOrdinary(url: string): string {
  return Object.assign(new URL(url), { username: 'ordinary', password: 'ordinary' }).href
}

/** Starts a server of its own, on a copy of the folder `from` when one is given. */
async function startCluster(from?: string) {
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-same-server-'))
  if (from) execFileSync('cp', ['-a', `${from}/.`, directory]) // with the owner that a server of its own user needs
  const postgres = await startEmbeddedPostgres({ directory, log: () => {}, volatile: true })
  return {
    directory,
    postgres,
    async [Symbol.asyncDispose]() {
      await postgres[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
