// Where a service of the copy in DATA_DIR keeps its data, for tools that run beside it. Free of what they do there.
import path from 'node:path'
import { OperatorError } from '#platform/domain/errors.ts'
import { runningDatabase } from '#start/embedded-postgres.ts'
import type { SUBGRAPHS } from '#start/layout.ts'
import { readStartSettings } from '#start/settings.ts'

/** The connection string of its database. Throws OperatorError USAGE when no copy is running there. */
export async function localDatabase(service: (typeof SUBGRAPHS)[number]): Promise<string> {
  const { dataDir } = readStartSettings(process.env)
  const url = await runningDatabase(path.join(dataDir, 'postgres'), `waybill_${service}`)
  if (url === undefined)
    throw new OperatorError('USAGE', `no copy is running in ${dataDir}: start it, or set DATABASE_URL`)
  return url
}
