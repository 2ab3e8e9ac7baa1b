// Finds the instance of Waybill that a command acts on: by DATA_DIR, or by PORT_BASE and the PID files of running instances.
import { glob, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import { type EmbeddedIssuer, findEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { parseJson } from '#platform/domain/json.ts'
import { readStartSettings, type StartSettings } from '#start/settings.ts'
import { PORT_OFFSETS } from '#start/topology.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type LocalInstance = { readonly dataDir: string; readonly portBase: number }

const PID_FILE = 'running.json'
const pidFileSchema = z.object({ pid: z.number().int().positive(), portBase: z.number().int() })
type PidFile = z.infer<typeof pidFileSchema>

/** Records the process id and the ports of this instance in its data folder, until `removePidFile`. */
export async function writePidFile({ dataDir, portBase }: StartSettings): Promise<void> {
  const content: PidFile = { pid: process.pid, portBase }
  await writeFile(path.join(dataDir, PID_FILE), `${JSON.stringify(content)}\n`)
}

export async function removePidFile({ dataDir }: StartSettings): Promise<void> {
  await rm(path.join(dataDir, PID_FILE), { force: true })
}

/**
 * Returns the instance in DATA_DIR with the ports that it runs on. With PORT_BASE alone, returns the one that runs on
 * those ports with its data in a folder `.data*` next to the default one. Throws OperatorError CONFIG_INVALID.
 */
export async function findLocalInstance(env: Environment): Promise<LocalInstance> {
  const { dataDir, portBase } = readStartSettings(env)
  const running = await readPidFile(dataDir)
  if (!env.PORT_BASE) return { dataDir, portBase: running?.portBase ?? portBase }
  if (env.DATA_DIR || running?.portBase === portBase) return { dataDir, portBase }
  for await (const folder of glob(`${path.basename(dataDir)}*`, { cwd: path.dirname(dataDir) })) {
    const other = path.join(path.dirname(dataDir), folder)
    if ((await readPidFile(other))?.portBase === portBase) return { dataDir: other, portBase }
  }
  return { dataDir, portBase }
}

/** Returns undefined unless the process lives: the file of a killed instance outlives it. */
async function readPidFile(dataDir: string): Promise<PidFile | undefined> {
  const text = await readFile(path.join(dataDir, PID_FILE), 'utf8').catch(() => undefined) // there is none
  const found = text === undefined ? undefined : pidFileSchema.safeParse(parseJson(text)).data // one that is being written is not JSON yet
  return found && isAlive(found.pid) ? found : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Returns the issuer of the instance's tokens. Throws OperatorError NO_ISSUER_KEY when it was never started: commands make no key. */
export async function issuerOf(instance: LocalInstance): Promise<EmbeddedIssuer> {
  const directory = path.join(instance.dataDir, 'auth')
  const issuer = await findEmbeddedIssuer(directory)
  if (issuer) return issuer
  throw new OperatorError(
    'NO_ISSUER_KEY',
    `There is no key in ${directory} yet: run \`${shellVariables(instance)}npm start\` first, which makes one, or name another instance with DATA_DIR.`,
  )
}

/** Describes the instance to people, in the output of commands. */
export function describeInstance({ dataDir, portBase }: LocalInstance): string {
  return `the instance in ${dataDir} (ports ${portBase} to ${portBase + Math.max(...Object.values(PORT_OFFSETS))})`
}

/**
 * Returns the variable assignments that direct a command line to this instance, quoted for a shell and followed by a
 * space; empty for the default instance.
 */
export function shellVariables(instance: LocalInstance): string {
  const standard = readStartSettings({})
  return [
    ...(instance.portBase === standard.portBase ? [] : [`PORT_BASE=${instance.portBase} `]),
    ...(instance.dataDir === standard.dataDir ? [] : [`DATA_DIR=${quoted(instance.dataDir)} `]),
  ].join('')
}

function quoted(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
