// Which copy of Waybill on this machine a command acts on: by DATA_DIR, or by PORT_BASE and the note that a running
// copy keeps in its data folder.
import { glob, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import { type EmbeddedIssuer, findEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { readStartSettings, type StartSettings } from '#start/settings.ts'
import { PORT_OFFSETS } from '#start/topology.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type LocalInstance = { readonly dataDir: string; readonly portBase: number }

const NOTE = 'running.json'
const noteSchema = z.object({ pid: z.number().int().positive(), portBase: z.number().int() })
type Note = z.infer<typeof noteSchema>

/** Notes in the data folder which ports the copy has, until `removeNote`. */
export async function writePidFile({ dataDir, portBase }: StartSettings): Promise<void> {
  const note: Note = { pid: process.pid, portBase }
  await writeFile(path.join(dataDir, NOTE), `${JSON.stringify(note)}\n`)
}

export async function removePidFile({ dataDir }: StartSettings): Promise<void> {
  await rm(path.join(dataDir, NOTE), { force: true })
}

/**
 * The copy in DATA_DIR, with the ports that it runs on. With PORT_BASE alone, the one that runs on those ports with its
 * data in a folder `.data*` beside the default one. Throws OperatorError CONFIG_INVALID for variables that are not usable.
 */
export async function findLocalInstance(env: Environment): Promise<LocalInstance> {
  const { dataDir, portBase } = readStartSettings(env)
  const running = await readNote(dataDir)
  if (!env.PORT_BASE) return { dataDir, portBase: running?.portBase ?? portBase }
  if (env.DATA_DIR || running?.portBase === portBase) return { dataDir, portBase }
  for await (const folder of glob(`${path.basename(dataDir)}*`, { cwd: path.dirname(dataDir) })) {
    const other = path.join(path.dirname(dataDir), folder)
    if ((await readNote(other))?.portBase === portBase) return { dataDir: other, portBase }
  }
  return { dataDir, portBase }
}

/** Undefined when no living copy has left one: a killed copy's note outlives it. */
async function readNote(dataDir: string): Promise<Note | undefined> {
  const text = await readFile(path.join(dataDir, NOTE), 'utf8').catch(() => undefined)
  const note = text === undefined ? undefined : noteSchema.safeParse(parseJson(text)).data
  return note && isAlive(note.pid) ? note : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // it is being written
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Whoever signs its tokens. Throws OperatorError NO_ISSUER_KEY for a copy that was never started: commands make no key. */
export async function issuerOf(copy: LocalInstance): Promise<EmbeddedIssuer> {
  const directory = path.join(copy.dataDir, 'auth')
  const issuer = await findEmbeddedIssuer(directory)
  if (issuer) return issuer
  throw new OperatorError(
    'NO_ISSUER_KEY',
    `There is no key in ${directory} yet: run \`${shellVariables(copy)}npm start\` first, which makes one, or name another copy with DATA_DIR.`,
  )
}

/** The words by which commands name the copy to people. */
export function describeInstance({ dataDir, portBase }: LocalInstance): string {
  return `the copy in ${dataDir} (ports ${portBase} to ${portBase + Math.max(...Object.values(PORT_OFFSETS))})`
}

/**
 * The variables that a command line needs before it, so that it means this copy: none for the default one. Quoted for a
 * shell, and ending in a space.
 */
export function shellVariables(copy: LocalInstance): string {
  const standard = readStartSettings({})
  return [
    ...(copy.portBase === standard.portBase ? [] : [`PORT_BASE=${copy.portBase} `]),
    ...(copy.dataDir === standard.dataDir ? [] : [`DATA_DIR=${quoted(copy.dataDir)} `]),
  ].join('')
}

function quoted(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
