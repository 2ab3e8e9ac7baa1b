// Builds engines with Go from the module proxy.
import { execFile } from 'node:child_process'
import { chmod, cp, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { findOnPath, installOnce } from '#testbed/engines/engine.ts'

/** Runs `go` in a folder at low priority, and returns its output. */
export type Go = (folder: string, ...args: string[]) => Promise<string>

type GoBuild = {
  /** The name with its version, for errors. */
  readonly name: string
  readonly place: string
  readonly env?: Readonly<Record<string, string>>
  /** The time limit of each run of `go`. */
  readonly limitMs: number
  /** Builds the program and returns its path. `go install` leaves programs in `folder`. */
  build(go: Go, folder: string): Promise<string>
}

/** Builds the program unless it exists. Throws an Error whose message is the reason when the build fails. */
export function buildWithGo({ name, place, env = {}, limitMs, build }: GoBuild): Promise<void> {
  return installOnce(place, async folder => {
    const options = {
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOBIN: folder, ...env },
      timeout: limitMs,
      maxBuffer: 2 ** 26,
    }
    const go: Go = async (cwd, ...args) =>
      (await promisify(execFile)('nice', ['-n', '10', 'go', ...args], { ...options, cwd })).stdout
    try {
      if (!findOnPath('go')) throw new Error('go is not on PATH')
      return await build(go, folder)
    } catch (cause) {
      throw new Error(`Go could not build ${name}: ${reasonOf(cause, limitMs)}`, { cause })
    }
  })
}

/** Copies a module's source into `folder`, to be changed and built there, and returns its path. */
export async function copyModule(go: Go, folder: string, module: string): Promise<string> {
  await writeFile(path.join(folder, 'go.mod'), 'module waybill/engines\n')
  const source = path.join(folder, 'source')
  const { Dir } = JSON.parse(await go(folder, 'mod', 'download', '-json', module))
  await cp(String(Dir), source, { recursive: true })
  await makeWritable(source)
  return source
}

/** Makes a copied module writable, since modules in Go's cache are read-only. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    await chmod(path.join(entry.parentPath, entry.name), 0o755)
}

function reasonOf(cause: unknown, limitMs: number): string {
  if (cause instanceof Error && 'killed' in cause && cause.killed === true)
    return `not done within ${limitMs / 60_000} min`
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.trim().split('\n').slice(-2).join(' ')
}
