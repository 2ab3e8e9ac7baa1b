// A BFF as a process of its own beside a test's platform: one of several, to be killed, stopped or overtaken.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestPlatform } from '#test/platform.ts'

export type BffProcess = AsyncDisposable & {
  readonly url: string
  readonly pid: number
  /** Stops it as a deploy does, and resolves once it has ended. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** `env` is added to its environment. Resolves when it listens; throws what it printed when it ends before. */
export async function startBffProcess(
  platform: TestPlatform,
  name: 'bff-web' | 'bff-mobile',
  env: Readonly<Record<string, string>> = {},
): Promise<BffProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...platform.environment(name), LOG_LEVEL: 'info', ...env },
  })
  const ended = once(child, 'exit')
  const printed: string[] = []
  const listening = Promise.withResolvers<string>()
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', line => {
      if (printed.length < 200) printed.push(line)
      const [, url] = /"url":"(http[^"]+)".*is listening/.exec(line) ?? []
      if (url) listening.resolve(url)
    })
  void ended.then(() => listening.reject(new Error(`${name} ended:\n${printed.join('\n')}`)))
  const url = await listening.promise

  async function stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    child.kill(signal)
    await ended
  }
  return { url, pid: child.pid ?? 0, stop, [Symbol.asyncDispose]: () => stop() }
}
