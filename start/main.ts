// Implements `npm start`: runs the whole platform until Ctrl-C. Enables Node's compile cache before it loads the rest.
import { enableCompileCache } from 'node:module'
import process from 'node:process'
import { COMPILE_CACHE } from '#start/topology.ts'

enableCompileCache(COMPILE_CACHE)
const { describeFault } = await import('#platform/process/fault.ts')
const { runInstance } = await import('#start/lifecycle.ts')

try {
  process.exitCode = await runInstance(process.env)
} catch (error) {
  console.error(describeFault(error))
  process.exitCode = 1
}
