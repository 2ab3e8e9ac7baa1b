// Starts several processes of a subgraph at once on empty databases, and compares them with one that starts alone.
import { expect } from 'vitest'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'
import { SERVICE_NAMES } from '#start/topology.ts'
import { freshDatabases } from '#test/fixtures/databases.ts'
import { type Databases, startFleet } from '../../testbed/fleet/fleet.ts'
import { readSchemaObjects } from './schema-objects.ts'

const TOGETHER = 4
const TROUBLE = /"level":"(error|fatal)".*/

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
