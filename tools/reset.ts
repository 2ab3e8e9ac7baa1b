// `npm run reset`: deletes the data of the copy in DATA_DIR. Refuses while that copy is running.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { OperatorError } from '#platform/domain/errors.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { databaseFolders } from '#start/postgres-files.ts'
import { readStartSettings } from '#start/settings.ts'

/** Starting and stopping the database proves that no living copy holds it, and ends one that a killed copy left. */
async function endLeftOverDatabase(directory: string): Promise<void> {
  if (!existsSync(path.join(directory, 'password'))) return
  const postgres = await startEmbeddedPostgres({ directory, log: () => {} })
  await postgres[Symbol.asyncDispose]()
}

try {
  const { dataDir } = readStartSettings(process.env)
  const known = ['postgres', 'auth', 'logs', 'seeded'].map(name => path.join(dataDir, name))
  if (!known.some(existsSync)) console.log(`nothing to delete in ${dataDir}`)
  else {
    const directory = path.join(dataDir, 'postgres')
    await endLeftOverDatabase(directory)
    const folders = await databaseFolders(directory)
    for (const folder of [...folders, ...known]) await rm(folder, { recursive: true, force: true })
    console.log(`deleted the data in ${dataDir}; the next start seeds a fresh copy`)
  }
} catch (error) {
  console.error(error instanceof OperatorError ? `${error.code}: ${error.message}` : error)
  process.exitCode = 1
}
