// Installs the packages in package-lock.json when they are missing. It runs before npm start and npm test, so it needs only
// Node and npm. `--dev` adds the packages of tests and tools; `--temporal` adds those that WORKFLOW_URL needs.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

const root = path.dirname(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname))
const marker = path.join(root, 'node_modules', '.waybill-installed')

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Waybill needs Node 20.19 or newer to begin with; this is ${process.version}.`)
  process.exit(1)
}

const lock = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex')
const installed = existsSync(marker) ? readFileSync(marker, 'utf8') : ''
// Packages for tests stay: otherwise start and gateway would remove them once the lock file has changed.
const withDev = process.argv.includes('--dev') || installed.endsWith(' dev')
const withTemporal = !withDev && (process.argv.includes('--temporal') || installed.endsWith(' temporal'))
const kind = withDev ? 'dev' : withTemporal ? 'production temporal' : 'production'
const kinds = ['dev', 'production temporal', 'production']
const sufficient = kinds.slice(0, kinds.indexOf(kind) + 1).map(one => `${lock} ${one}`)
if (!sufficient.includes(installed)) {
  const more = {
    dev: ', with those for tests',
    'production temporal': ', with those for Temporal',
    production: '',
  }
  console.error(`install    packages from package-lock.json${more[kind]} (once; a minute or less)`)
  rmSync(marker, { force: true })
  // `npm ci` would delete node_modules while an instance may be running; `npm install` changes only what differs.
  const args = [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    withDev ? '--include=dev' : '--omit=dev',
    ...(withTemporal ? ['--save-prod', ...temporalPackages()] : []),
  ]
  const started = Date.now()
  const run = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (run.status !== 0) {
    console.error(
      'npm install failed: the lines above say why. It needs the network once; after that, starts work offline.',
    )
    process.exit(run.status ?? 1)
  }
  writeFileSync(marker, `${lock} ${kind}`)
  console.error(`install    done in ${((Date.now() - started) / 1000).toFixed(0)} s`)
}

/** Temporal's packages are development packages, so that only those who ask for them download them. */
function temporalPackages() {
  const { devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  return Object.entries(devDependencies)
    .filter(([name]) => name.startsWith('@temporalio/'))
    .map(([name, version]) => `${name}@${version}`)
}
