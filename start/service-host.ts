// Hosts one or more services in a process: loads their modules, receives their environments from the parent process,
// reports when they are ready, and stops on SIGTERM or when the parent is gone.
import process from 'node:process'
import { z } from 'zod'
import { exitOnceLogged } from '#platform/process/exit.ts'
import { faultOf } from '#platform/process/fault.ts'
import { loadServices, type RunningServices, startServices } from '#start/services.ts'
import { SERVICE_NAMES } from '#start/topology.ts'

const names = z.array(z.enum(SERVICE_NAMES))
const assignment = z.object({
  services: z.array(z.object({ name: z.enum(SERVICE_NAMES), env: z.record(z.string(), z.string()) })),
})
export type HostReport =
  | { readonly ready: true }
  | { readonly ready: false; readonly error: string; readonly code: string }

/** The parent waits as long; without a parent, nobody else would end a stop that hangs. */
const STOP_DEADLINE_MS = 20_000

// A failing log must not end the process.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

let running: RunningServices | undefined
let leaving = false

/** Stops the services and exits. Before they run there is nothing to drain: what they began survives a sudden end. */
async function leave(): Promise<void> {
  if (leaving) return
  leaving = true
  setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref()
  try {
    await running?.[Symbol.asyncDispose]()
  } catch (error) {
    console.error(error)
  }
  await exitOnceLogged(0)
}

async function begin(message: unknown): Promise<void> {
  try {
    running = await startServices(assignment.parse(message).services)
    report({ ready: true })
  } catch (error) {
    console.error(error)
    const { code, message } = faultOf(error)
    report({ ready: false, error: message, code }, () => void exitOnceLogged(1))
  }
}

/** Skips the report when the parent is gone; `disconnect` ends this process then. */
function report(message: HostReport, sent: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, undefined, sent)
  else sent()
}

// Ctrl-C and a closing terminal signal the whole process group; the parent decides the order of stopping.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('SIGTERM', () => void leave())
process.on('disconnect', () => void leave())
process.once('message', message => void begin(message))
if (!process.connected) process.exit(1)
await loadServices(names.parse(process.argv.slice(2))).catch(() => {}) // startServices reports it
