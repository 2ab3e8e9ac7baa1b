// Prepares a data folder whose PostgreSQL counts statements, and connects a role whose own work is left out of the counts.
import path from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { databaseOf } from '#testbed/waybill-process.ts'

const ROLE = 'meter'

/**
 * Creates the cluster of an instance that was never started, with statistics that npm start does not switch on. Without
 * `vacuum`, PostgreSQL does not clean up on its own, which would be counted with whatever runs at that moment.
 */
export async function prepareCountedCluster(
  dataDir: string,
  { vacuum }: { readonly vacuum: boolean },
): Promise<void> {
  await using postgres = await startEmbeddedPostgres({
    directory: path.join(dataDir, 'postgres'),
    log: () => {},
  })
  const client = new pg.Client({ connectionString: await postgres.database('postgres') })
  await client.connect()
  for (const statement of [
    `ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`,
    'ALTER SYSTEM SET pg_stat_statements.max = 10000',
    `ALTER SYSTEM SET autovacuum = ${vacuum ? 'on' : 'off'}`,
    'CREATE EXTENSION pg_stat_statements',
    'CREATE EXTENSION pg_walinspect',
    `CREATE ROLE ${ROLE} SUPERUSER LOGIN PASSWORD '${ROLE}'`,
  ])
    await client.query(statement)
  await client.end()
}

/** Opens a session as the counting role. `database` is `postgres` or one of the instance's. */
export async function openMeterSession(dataDir: string, database: string): Promise<pg.Client> {
  const url = new URL(await databaseOf(dataDir, 'orders'))
  const client = new pg.Client({
    connectionString: Object.assign(url, {
      username: ROLE,
      password: ROLE,
      pathname: `/${database}`,
    }).href,
  })
  await client.connect()
  return client
}
