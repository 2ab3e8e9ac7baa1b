// A process that hosts one or more services: gets their environments from its parent, says when they are ready,
// and stops when it is told to or when its parent is gone.
import process from 'node:process'
import { z } from 'zod'
import type { ServiceName } from '#start/layout.ts'
import { SERVICE_NAMES } from '#start/layout.ts'
import { startServices } from '#start/services.ts'

const assignment = z.object({
  services: z.array(z.object({ name: z.enum(SERVICE_NAMES), env: z.record(z.string(), z.string()) })),
})
export type Assignment = {
  readonly services: readonly { readonly name: ServiceName; readonly env: Record<string, string> }[]
}
export type HostReport =
  | { readonly ready: true }
  | { readonly ready: false; readonly error: string; readonly code: string }

function report(message: HostReport): void {
  process.send?.(message)
}

async function run(services: Assignment['services']): Promise<void> {
  const running = await startServices(services)
  const leave = async () => {
    process.removeAllListeners('disconnect')
    try {
      await running[Symbol.asyncDispose]()
    } catch (error) {
      console.error(error)
    }
    process.exit(0)
  }
  process.once('SIGTERM', leave)
  process.once('disconnect', leave)
  report({ ready: true })
}

process.on('SIGINT', () => {}) // Ctrl-C reaches the whole terminal group; the parent decides the order of stopping
process.once('message', message => {
  void begin(message)
})

async function begin(message: unknown): Promise<void> {
  try {
    await run(assignment.parse(message).services)
  } catch (error) {
    const known = error instanceof Error ? error : new Error(String(error))
    console.error(known)
    report({ ready: false, error: known.message, code: 'code' in known ? String(known.code) : 'INTERNAL' })
    process.exitCode = 1
    process.disconnect?.()
  }
}
