// Ends a process once its log is written.
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { finishLog } from '#platform/telemetry/logger.ts'

const LOG_MS = 1_000

/**
 * Nothing is logged after the call, so that the last line says why the process ends. Without the wait, a line that is being
 * written in the background could come after it. A log that takes nothing is waited for one second.
 */
export async function exitOnceLogged(code: number): Promise<never> {
  await Promise.race([finishLog(), delay(LOG_MS)])
  process.exit(code)
}
