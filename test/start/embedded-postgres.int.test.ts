import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { findServer } from '#start/postgres-server.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { openDataDir } from '#testbed/waybill-process.ts'

/** Returns the one value that `sql` selects. */
async function ask(url: string, sql: string): Promise<unknown> {
  const [row = {}] = await queryDatabase(url, sql)
  return Object.values(row)[0]
}

test('the test server runs PostgreSQL 18', async () => {
  expect(await ask(await freshDatabase(), 'SELECT version()')).toMatch(/^PostgreSQL 18/)
})

test('a server restarts on its port and data, whatever ended it', async () => {
  await using folder = await openDataDir()
  const directory = path.join(folder.dataDir, 'postgres')
  const cluster = path.join(directory, 'cluster')
  const back = Promise.withResolvers<void>()
  const log = (line: string) => line === 'PostgreSQL is running again' && back.resolve()
  const first = await startEmbeddedPostgres({ directory, log, volatile: true })
  const names = ['one', 'two', 'three', 'four']
  const urls = await Promise.all(names.map(name => first.database(name)))
  expect(await Promise.all(urls.map(url => ask(url, 'SELECT current_database()')))).toEqual(names)
  const killed = await findServer(cluster)
  process.kill(killed?.pid ?? 0, 'SIGKILL')
  await back.promise
  expect((await findServer(cluster))?.pid).not.toBe(killed?.pid)
  expect(await ask(urls[0] ?? '', 'SELECT current_database()')).toBe('one')
  await expect(startEmbeddedPostgres({ directory, log })).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' })
  await first[Symbol.asyncDispose]()
  expect(await findServer(cluster)).toBeUndefined()

  // This is the state after a reboot: the pid file names a living process of another program.
  const password = await readFile(path.join(directory, 'password'), 'utf8')
  await writeFile(
    path.join(cluster, 'postmaster.pid'),
    `${process.pid}\n${cluster}\n0\n1\n\n127.0.0.1\n0 0\nready\n`,
  )
  expect(await findServer(cluster)).toBeUndefined()
  await using second = await startEmbeddedPostgres({ directory, log, volatile: true })
  const url = await second.database('one')
  expect(await ask(url, 'SELECT current_database()')).toBe('one')
  expect(new URL(url).password).toBe(password)
})
