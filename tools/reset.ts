// npm run reset: deletes the data of a copy. Refuses while that copy is running.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { describeInstance, findLocalInstance } from '#start/local-instance.ts'
import { databaseFolders } from '#start/postgres-cluster.ts'
import { runCommand } from '#tools/command-line.ts'
import { reset } from '#tools/commands.ts'

/** What a copy writes into its data folder; a person's own files beside it are left alone. */
const OWN_FILES = ['postgres', 'auth', 'logs', 'seeded', 'running.json']

/** Starting and stopping the database proves that no living copy holds it, and ends one that a killed copy left. */
async function endLeftOverDatabase(directory: string): Promise<void> {
  if (!existsSync(path.join(directory, 'password'))) return
  const postgres = await startEmbeddedPostgres({ directory, log: () => {} })
  await postgres[Symbol.asyncDispose]()
}

if (import.meta.main)
  await runCommand(reset, async ({ confirm }) => {
    const copy = await findLocalInstance(process.env)
    const files = OWN_FILES.map(name => path.join(copy.dataDir, name))
    if (!files.some(existsSync))
      return console.log(`Nothing was changed: there is no data in ${copy.dataDir}.`)
    await confirm(`This deletes all data of ${describeInstance(copy)}. Delete it?`)
    const directory = path.join(copy.dataDir, 'postgres')
    await endLeftOverDatabase(directory)
    for (const folder of [...(await databaseFolders(directory)), ...files])
      await rm(folder, { recursive: true, force: true })
    console.log(`Deleted the data in ${copy.dataDir}; the next start makes a fresh copy.`)
  })
