// The real logger with its lines kept in memory.
import { createLogger, type Logger, type LogLevel } from '#platform/telemetry/logger.ts'

export type Recording = {
  readonly logger: Logger
  readonly lines: readonly string[]
  entries(): Record<string, unknown>[]
  /** Resolves with the first line, past or to come, that holds `text`. */
  seen(text: string): Promise<string>
}

export function recordingLogger(level: LogLevel = 'info'): Recording {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const destination = {
    write(line: string) {
      lines.push(line)
      for (const check of waiting) check()
    },
  }
  return {
    logger: createLogger({ service: 'test', level, destination }),
    lines,
    entries: () => lines.map(line => JSON.parse(line)),
    seen: text =>
      new Promise(resolve => {
        const check = () => {
          const line = lines.find(candidate => candidate.includes(text))
          if (line === undefined) return void waiting.add(check)
          waiting.delete(check)
          resolve(line)
        }
        check()
      }),
  }
}
