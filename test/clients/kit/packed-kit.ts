// Packs the kit as `npm publish` would, and unpacks it into a folder of its own, where it is installed for an app.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { buildKit } from '#clients/kit/build.ts'
import { ROOT } from '#test/docs/pages.ts'

const run = promisify(execFile)

/** A folder whose node_modules has the kit and the peers. Disposing deletes it. */
export type PackedKit = AsyncDisposable & {
  readonly app: string
  /** The unpacked package. */
  readonly folder: string
  /** The size of the tarball. */
  readonly bytes: number
}

export async function packKit(peers: readonly string[] = []): Promise<PackedKit> {
  const app = await mkdtemp(path.join(tmpdir(), 'waybill-kit-'))
  const built = path.join(app, 'built')
  const folder = path.join(app, 'node_modules/@waybill/kit')
  await buildKit(built)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', app], { cwd: built })
  const [{ filename }] = JSON.parse(stdout)
  const tarball = path.join(app, filename)
  await mkdir(folder, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
  for (const peer of peers) {
    const place = path.join(app, 'node_modules', peer)
    await mkdir(path.dirname(place), { recursive: true })
    await symlink(path.join(ROOT, 'node_modules', peer), place)
  }
  return {
    app,
    folder,
    bytes: (await stat(tarball)).size,
    [Symbol.asyncDispose]: () => rm(app, { recursive: true, force: true }),
  }
}
