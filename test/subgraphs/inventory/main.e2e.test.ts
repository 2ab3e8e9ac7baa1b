// Tests inventory as a process: the environment that it needs, and how it stops.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { readInventoryConfig } from '#subgraphs/inventory/config.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'

const MAIN = fileURLToPath(import.meta.resolve('#subgraphs/inventory/main.ts'))

it('inventory starts from its environment, logs its address, and stops on a signal', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-inventory-'))
  const issuer = await openEmbeddedIssuer(directory)
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: await freshDatabase(),
      EVENT_BUS_URL: await freshDatabase(),
      AUTH_JWKS_URL: issuer.jwks.href,
      AUTH_ISSUER: issuer.issuer,
      AUTH_AUDIENCE: issuer.audience,
      AUTH_EMBEDDED_DIR: directory,
    },
  })
  const exited = once(child, 'exit')
  try {
    const url = await listening(child.stdout)
    const ready = await fetch(`${url}/health/ready`)
    expect(ready.status).toBe(200)
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
})

/** The address in the first log line that has one. */
async function listening(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) {
    const { url }: { url?: string } = JSON.parse(line)
    if (url) return url
  }
  throw new Error('it ended without listening')
}

it('inventory reports every problem of its environment at once', () => {
  const read = () => readInventoryConfig({ PORT: 'x', EXPIRY_SWEEP_MS: '1', DATABASE_URL: 'mysql://db' })
  for (const name of [
    'PORT',
    'EXPIRY_SWEEP_MS',
    'DATABASE_URL',
    'EVENT_BUS_URL',
    'AUTH_JWKS_URL',
    'AUTH_ISSUER',
  ])
    expect(read).toThrow(new RegExp(`${name}: `))
})
