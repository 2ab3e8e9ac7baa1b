// Packs the kit as `npm publish` would, and unpacks it into a folder of its own, where it is installed for an app.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { buildKit } from '#clients/kit/build.ts'
import { ROOT } from '#test/docs/pages.ts'

const run = promisify(execFile)
/** Some clients' own types need those of a browser. */
const IN_PEERS = /^node_modules\/(?!@waybill\/)/

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

/**
 * Checks files of the app and the types of the kit, the strict way and without those of a browser. Resolves with the errors.
 */
export async function checkTypes({ app }: PackedKit, files: readonly string[]): Promise<string[]> {
  const options = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023'],
      module: 'esnext',
      moduleResolution: 'bundler',
      allowImportingTsExtensions: true,
      types: ['node'],
      typeRoots: [path.join(ROOT, 'node_modules/@types')],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    },
    files,
  }
  await writeFile(path.join(app, 'tsconfig.json'), JSON.stringify(options))
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run(process.execPath, [tsc, '-p', app]).catch(error => error)
  const errors = String(stdout)
    .split('\n')
    .filter(line => /^\S+\(\d+,\d+\): error/.test(line))
  return errors.filter(line => !IN_PEERS.test(line))
}
