// Starts each gateway of the benchmark, ours and the peers, in its own process in front of the same subgraphs.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Usage } from '#bench/gateway/usage-probe.ts'
import { freePort } from '#start/postgres-server.ts'

const OURS = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url))
const USAGE = fileURLToPath(new URL('usage-probe.ts', import.meta.url))
const READY_MS = 60_000
const SAID_CHARACTERS = 2000

export type GatewayProcess = AsyncDisposable & {
  readonly url: string
  /** Returns what the process has used since the last call. */
  usage(): Promise<Usage>
}

/** How to start a gateway: its program, and the environment it reads besides PORT and SUPERGRAPH. */
type GatewayProgram = {
  readonly file: string
  readonly env: Readonly<Record<string, string>>
}

export type GatewayPrograms = Readonly<Record<string, GatewayProgram>>

export const OUR_NAMES = { plain: 'waybill', sharing: 'waybill, sharing' } as const
export const PEER_NAMES = {
  apollo: '@apollo/gateway',
  mercurius: 'mercurius',
  hive: 'hive',
  hiveSharing: 'hive, sharing',
} as const

/** Lists the gateways to compare. A settings file may be written to `folder`. */
export async function gatewayPrograms(folder: string, peers: string): Promise<GatewayPrograms> {
  const settings = path.join(folder, 'sharing.json')
  await writeFile(settings, JSON.stringify({ shareQueries: true }))
  const peer = (name: string) => path.join(peers, name)
  return {
    [OUR_NAMES.plain]: { file: OURS, env: {} },
    [OUR_NAMES.sharing]: { file: OURS, env: { GATEWAY_SETTINGS: settings } },
    [PEER_NAMES.hive]: { file: peer('hive.mjs'), env: {} },
    [PEER_NAMES.hiveSharing]: { file: peer('hive.mjs'), env: { SHARING: '1' } },
    [PEER_NAMES.mercurius]: { file: peer('mercurius.mjs'), env: {} },
    [PEER_NAMES.apollo]: { file: peer('apollo.mjs'), env: {} },
  }
}

/** Resolves when the gateway answers `{ __typename }`. Throws when it ends first or is not ready within a minute. */
export async function startGateway(
  { file, env }: GatewayProgram,
  given: { readonly supergraph: string; readonly subgraphs: string },
): Promise<GatewayProcess> {
  const port = await freePort()
  const child = fork(file, {
    execArgv: ['--import', USAGE],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      APOLLO_TELEMETRY_DISABLED: '1',
      PORT: String(port),
      SUPERGRAPH: given.supergraph,
      SUBGRAPHS: given.subgraphs,
      ...env,
    },
  })
  const url = `http://127.0.0.1:${port}/graphql`
  const said = { last: '' }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.last = (said.last + text).slice(-SAID_CHARACTERS)
  })
  await ready(url, child, said)
  return {
    url,
    async usage() {
      const response = once(child, 'message')
      child.send('usage')
      const [usage] = await response
      return usage as Usage
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

async function ready(url: string, child: ChildProcess, said: { readonly last: string }): Promise<void> {
  const late = AbortSignal.timeout(READY_MS)
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`${child.spawnargs.at(-1)} ended with ${child.exitCode}: ${said.last}`)
    late.throwIfAborted()
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"query":"{ __typename }"}',
      })
      const text = await response.text()
      if (response.ok && text.includes('Query')) return
    } catch {
      // not listening yet
    }
    await delay(50)
  }
}
