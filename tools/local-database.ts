// Where a service of the copy on this machine keeps its data, for commands that run beside it.
import path from 'node:path'
import process from 'node:process'
import { OperatorError } from '#platform/domain/errors.ts'
import { runningDatabase } from '#start/embedded-postgres.ts'
import { describeInstance, findLocalInstance, shellVariables } from '#start/local-instance.ts'
import type { SUBGRAPHS } from '#start/topology.ts'

type ServiceName = (typeof SUBGRAPHS)[number]

/**
 * The connection string of its database; says on standard error which copy that is. Throws OperatorError NOT_RUNNING
 * when no copy is running there.
 */
export async function localDatabase(service: ServiceName): Promise<string> {
  return (await localDatabases('DATABASE_URL'))(service)
}

/** Does what `localDatabase` does, for any service of the one copy. `instead` are the variables that name databases elsewhere. */
export async function localDatabases(instead: string): Promise<(service: ServiceName) => string> {
  const copy = await findLocalInstance(process.env)
  const url = await runningDatabase(path.join(copy.dataDir, 'postgres'), 'postgres')
  if (url === undefined)
    throw new OperatorError(
      'NOT_RUNNING',
      `${describeInstance(copy)} is not running: start it with ${shellVariables(copy)}npm start, name another with DATA_DIR, or set ${instead}.`,
    )
  console.error(`This is ${describeInstance(copy)}.`)
  return service => Object.assign(new URL(url), { pathname: `/waybill_${service}` }).href
}
