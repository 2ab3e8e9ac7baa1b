// Starts several processes of a subgraph at once on empty databases, and compares them with one that starts alone.
import { expect } from 'vitest'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'
import { SERVICE_NAMES } from '#start/topology.ts'
import { freshDatabases, queryDatabase } from '#test/fixtures/databases.ts'
import { type Databases, startFleet } from '../../testbed/fleet/fleet.ts'

const TOGETHER = 4
const TROUBLE = /"level":"(error|fatal)".*/
const OBJECTS = `
  SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'i', 'S', 'v')
  UNION ALL SELECT n.nspname || '.' || p.proname || '()' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT n.nspname || '.' || s.stxname || ' (statistics)' FROM pg_statistic_ext s
   JOIN pg_namespace n ON n.oid = s.stxnamespace
  ORDER BY 1`

/** Expects four processes of each to create what one creates, once, without logging an error. */
export async function expectOneMigration(subgraphs: readonly SubgraphName[]): Promise<void> {
  const [alone, together] = await Promise.all([freshDatabases(), freshDatabases()])
  await startAll(alone, subgraphs, 1)
  const troubles = await startAll(together, subgraphs, TOGETHER)
  expect(await catalogues(together)).toEqual(await catalogues(alone))
  for (const name of subgraphs) expect((await readSchemaObjects(together[name])).length).toBeGreaterThan(20)
  expect(troubles).toEqual([])
}

/** Starts the processes, waits until all are ready, and returns their log lines about errors. */
async function startAll(
  databases: Databases,
  subgraphs: readonly SubgraphName[],
  count: number,
): Promise<string[]> {
  const wanted = new Set<string>(subgraphs)
  const counts = Object.fromEntries(SERVICE_NAMES.map(name => [name, wanted.has(name) ? count : 0]))
  await using fleet = await startFleet({ databases, counts })
  const logs = await Promise.all(fleet.processes.map(member => member.log()))
  return logs.flatMap(log => log.split('\n').filter(line => TROUBLE.test(line)))
}

function catalogues(databases: Databases): Promise<string[][]> {
  return Promise.all([...SUBGRAPHS, 'bus' as const].map(name => readSchemaObjects(databases[name])))
}

/** Returns tables, indexes, functions and statistics of the database at `url` in order; duplicates appear twice. */
async function readSchemaObjects(url: string): Promise<string[]> {
  return (await queryDatabase<{ name: string }>(url, OBJECTS)).map(({ name }) => name)
}
