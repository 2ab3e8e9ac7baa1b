// Implements `npm run reset`: deletes the data of an instance that is not running.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { describeInstance, findLocalInstance } from '#start/local-instance.ts'
import { databaseFolders } from '#start/postgres-cluster.ts'
import { runCommand } from '#tools/command-line.ts'
import { reset } from '#tools/commands.ts'

/** The entries that an instance writes into its data folder; other files there are left alone. */
const OWN_FILES = ['postgres', 'auth', 'logs', 'seeded', 'running.json']

/** Starts and stops the database: this proves that no instance uses it, and ends one that a killed instance left. */
async function endLeftOverDatabase(directory: string): Promise<void> {
  if (!existsSync(path.join(directory, 'password'))) return
  const postgres = await startEmbeddedPostgres({ directory, log: () => {} })
  await postgres[Symbol.asyncDispose]()
}

if (import.meta.main)
  await runCommand(reset, async ({ confirm }) => {
    const instance = await findLocalInstance(process.env)
    const files = OWN_FILES.map(name => path.join(instance.dataDir, name))
    if (!files.some(existsSync))
      return console.log(`Nothing was changed: there is no data in ${instance.dataDir}.`)
    await confirm(`This deletes all data of ${describeInstance(instance)}. Delete it?`)
    const directory = path.join(instance.dataDir, 'postgres')
    await endLeftOverDatabase(directory)
    for (const folder of [...(await databaseFolders(directory)), ...files])
      await rm(folder, { recursive: true, force: true })
    console.log(`Deleted the data in ${instance.dataDir}; the next start makes a fresh instance.`)
  })
