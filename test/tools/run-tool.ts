// Runs a command of tools/ in a process of its own, as npm does.
import { execFile } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { ROOT } from '#test/docs/pages.ts'

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** `tool` is its file below tools/, and `env` is added to the environment of the test. */
export function runTool(
  tool: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const options = { cwd: ROOT, env: { ...process.env, ...env } }
  return new Promise(resolve => {
    const file = path.join(ROOT, 'tools', tool)
    const child = execFile(process.execPath, [file, ...args], options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}
