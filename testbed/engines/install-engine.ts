// Installs one engine in a process that can be killed with all its children. Prints the reason when it cannot.
import process from 'node:process'
import { ENGINES } from '#testbed/engines/engines.ts'

const engine = ENGINES[process.argv[2] ?? '']
if (!engine) throw new Error(`the engines are ${Object.keys(ENGINES).join(', ')}`)
try {
  await engine.install()
  if (!engine.find()) throw new Error('it was installed, and does not run')
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
