// Starts a script that will be killed, and waits for what it prints.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

type KillableProcess = AsyncDisposable & {
  /** Resolves when it has printed `line`. */
  said(line: string): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

export function startKillable(script: URL, ...args: readonly string[]): KillableProcess {
  const child = spawn(process.execPath, [fileURLToPath(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const printed = new Set<string>()
  lines.on('line', line => printed.add(line))
  async function kill(): Promise<void> {
    if (child.signalCode !== null || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return {
    async said(line) {
      while (!printed.has(line)) await once(lines, 'line')
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
