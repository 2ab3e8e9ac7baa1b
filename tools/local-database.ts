// Finds the database of a service of the local instance, for commands that run next to it.
import path from 'node:path'
import process from 'node:process'
import { OperatorError } from '#platform/domain/errors.ts'
import type { SubgraphName } from '#platform/subgraph/names.ts'
import { runningDatabase } from '#start/embedded-postgres.ts'
import { describeInstance, findLocalInstance, shellVariables } from '#start/local-instance.ts'

/**
 * Returns its connection string, and prints on standard error which instance that is. Throws OperatorError NOT_RUNNING
 * when that instance does not run.
 */
export async function localDatabase(service: SubgraphName): Promise<string> {
  return (await localDatabases('DATABASE_URL'))(service)
}

/** Like `localDatabase`, for any service of one instance. `instead` names the variables that select databases elsewhere. */
export async function localDatabases(instead: string): Promise<(service: SubgraphName) => string> {
  const instance = await findLocalInstance(process.env)
  const url = await runningDatabase(path.join(instance.dataDir, 'postgres'), 'postgres')
  if (url === undefined)
    throw new OperatorError(
      'NOT_RUNNING',
      `${describeInstance(instance)} is not running: start it with ${shellVariables(instance)}npm start, name another with DATA_DIR, or set ${instead}.`,
    )
  console.error(`This is ${describeInstance(instance)}.`)
  return service => Object.assign(new URL(url), { pathname: `/waybill_${service}` }).href
}
