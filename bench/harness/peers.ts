// Installs the peers that benchmarks compare with, on demand and outside the repository.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * Returns the folder with the peers of bench/peers/`name`, and installs them into the user's cache folder first when it is
 * missing. The folder is named by a hash of what is installed, so a changed version gets a new folder.
 */
export async function installPeers(name: 'gateway' | 'vendure'): Promise<string> {
  const source = fileURLToPath(new URL(`../peers/${name}/`, import.meta.url))
  const hash = createHash('sha256')
  for (const file of (await readdir(source)).sort())
    hash.update(file).update(await readFile(path.join(source, file)))
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache')
  const folder = path.join(cache, 'waybill-bench', `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (await stat(folder).catch(() => undefined)) return folder // absent until the first run
  console.log(`installing the peers into ${folder} …`)
  const building = `${folder}.${process.pid}`
  await mkdir(path.dirname(folder), { recursive: true })
  await cp(source, building, { recursive: true })
  try {
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: building })
    await rename(building, folder)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return folder
}
