// Checks types, style and generated files concurrently before the tests, and prints what fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'

const BIN = path.resolve(import.meta.dirname, '../node_modules/.bin')

const CHECKS: Readonly<Record<string, readonly string[]>> = {
  types: ['tsc', '--noEmit'],
  style: ['biome', 'check', '.'],
  'generated types': ['node', 'tools/schema/codegen.ts', '--check'],
  supergraph: ['node', 'tools/schema/compose.ts', '--check'],
  manifests: ['node', 'tools/schema/persist.ts', '--check'],
  'schema changes': ['node', 'tools/schema/schema-check.ts'],
  'REST description': ['node', 'tools/schema/openapi.ts', '--check'],
}

async function check(name: string, [command = '', ...args]: readonly string[]): Promise<boolean> {
  const began = performance.now()
  const run = spawn(path.join(BIN, command), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  for (const stream of [run.stdout, run.stderr]) stream.on('data', chunk => output.push(chunk))
  const [code] = await once(run, 'close')
  console.log(
    `${name.padEnd(16)} ${code === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  )
  if (code !== 0) process.stdout.write(Buffer.concat(output))
  return code === 0
}

const results = await Promise.all(Object.entries(CHECKS).map(([name, command]) => check(name, command)))
if (!results.every(Boolean)) process.exitCode = 1
