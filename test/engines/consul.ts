// Consul for tests: one server that is its own agent, found on PATH or built by Go from the module proxy. Free of what is in it.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { request } from 'undici'
import { freePort } from '#start/postgres-server.ts'
import { ENGINES_FOLDER, type Engine, type RunningEngine } from '#test/engines/engine.ts'

const VERSION = '1.22.6'
const MODULE = `github.com/hashicorp/consul@v${VERSION}`
const OBTAINED = path.join(ENGINES_FOLDER, `consul-${VERSION}`)
const BUILD_MS = 1_800_000
const START_MS = 60_000

export const consul: Engine = {
  name: 'Consul',
  find() {
    const url = process.env.CONSUL_URL
    if (url) {
      const start = async () => ({ url, async [Symbol.asyncDispose]() {} })
      return { version: 'Consul', from: 'CONSUL_URL', start }
    }
    const binary = consulBinary()
    const version = binary && versionOf(binary)
    if (binary === undefined || version === undefined) return undefined
    const from = binary === OBTAINED ? 'the Go module proxy' : 'PATH'
    return { version, from, start: () => startConsul() }
  },
  async obtain() {
    if (existsSync(OBTAINED)) return
    await mkdir(ENGINES_FOLDER, { recursive: true })
    const folder = await mkdtemp(path.join(ENGINES_FOLDER, 'consul-'))
    try {
      await build(folder)
      await rename(path.join(folder, 'consul'), OBTAINED)
    } catch (cause) {
      throw new Error(`Go could not build Consul ${VERSION}: ${reasonOf(cause)}`, { cause })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

/** `go install` takes no module that replaces others; those that Consul replaces are published at the same versions. */
async function build(folder: string): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GONOSUMDB: '*', GOFLAGS: '-mod=mod -buildvcs=false' }
  const run = (cwd: string, ...args: string[]) =>
    promisify(execFile)('nice', ['-n', '10', 'go', ...args], {
      cwd,
      env,
      timeout: BUILD_MS,
      maxBuffer: 2 ** 26,
    })
  await writeFile(path.join(folder, 'go.mod'), 'module waybill/engines\n')
  const { stdout } = await run(folder, 'mod', 'download', '-json', MODULE)
  const source = path.join(folder, 'source')
  await cp(String(JSON.parse(stdout).Dir), source, { recursive: true })
  await promisify(execFile)('chmod', ['-R', 'u+w', source])
  const { stdout: text } = await run(source, 'mod', 'edit', '-json')
  const replaced: { Old: { Path: string } }[] = JSON.parse(text).Replace ?? []
  await run(source, 'mod', 'edit', ...replaced.map(({ Old }) => `-dropreplace=${Old.Path}`))
  await run(source, 'build', '-trimpath', '-ldflags', '-s -w', '-o', path.join(folder, 'consul'), '.')
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.includes('ENOENT') ? 'go is not on PATH' : text.trim().split('\n').slice(-2).join(' ')
}

/** What is on PATH, else what was built. */
function consulBinary(): string | undefined {
  return [
    ...(process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, 'consul')),
    OBTAINED,
  ]
    .filter(existsSync)
    .at(0)
}

function versionOf(binary: string): string | undefined {
  try {
    return execFileSync(binary, ['version'], { encoding: 'utf8' }).split('\n')[0]
  } catch {
    return undefined
  }
}

/** What RunningEngine says, for one that is always ours to hurt. */
export type RunningConsul = RunningEngine & {
  readonly faults: NonNullable<RunningEngine['faults']>
  readonly dnsPort: number
  /** The token that may do everything, where one is needed. */
  readonly token: string
}

/** On loopback, on free ports. With `acl` it lets nobody do anything without a token. */
export async function startConsul({ acl = false }: { readonly acl?: boolean } = {}): Promise<RunningConsul> {
  const binary = consulBinary()
  if (binary === undefined) throw new Error('there is no Consul: see consul.find')
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-consul-'))
  const ports = {
    http: await freePort(),
    dns: await freePort(),
    lan: await freePort(),
    rpc: await freePort(),
  }
  const token = randomUUID()
  await writeFile(path.join(folder, 'agent.json'), JSON.stringify(settings(folder, acl ? token : undefined)))
  const launch = async () => {
    const server = spawn(binary, agentArguments(folder, ports), { stdio: 'ignore' })
    await answers(server, ports.http, acl ? token : undefined)
    return server
  }
  let server = await launch()
  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL') // a paused one, too
    await ended
  }
  return {
    url: `consul://127.0.0.1:${ports.http}`,
    dnsPort: ports.dns,
    token,
    faults: {
      kill,
      async restart() {
        await kill()
        server = await launch()
      },
      pause: () => void server.kill('SIGSTOP'),
      resume: () => void server.kill('SIGCONT'),
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function settings(folder: string, token: string | undefined): object {
  return {
    server: true,
    bootstrap_expect: 1,
    data_dir: path.join(folder, 'data'),
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    disable_update_check: true,
    disable_host_node_id: true,
    log_level: 'error',
    connect: { enabled: false },
    performance: { raft_multiplier: 1 },
    ...(token !== undefined && {
      acl: { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } },
    }),
  }
}

function agentArguments(
  folder: string,
  { http, dns, lan, rpc }: Readonly<Record<'http' | 'dns' | 'lan' | 'rpc', number>>,
): string[] {
  return [
    ['agent', `-config-file=${path.join(folder, 'agent.json')}`, '-node=waybill-test'],
    [`-http-port=${http}`, `-dns-port=${dns}`, `-serf-lan-port=${lan}`, `-server-port=${rpc}`],
    ['-serf-wan-port=-1', '-grpc-port=-1', '-grpc-tls-port=-1'],
  ].flat()
}

/** Resolves once there is a leader, which knows the token. */
async function answers(server: ChildProcess, port: number, token: string | undefined): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`Consul ended with ${server.exitCode}`)
    if ((await hasLeader(port)) && (token === undefined || (await knows(port, token)))) return
    await delay(50)
  }
  server.kill('SIGKILL')
  throw new Error(`Consul did not answer within ${START_MS / 1000} s`)
}

async function hasLeader(port: number): Promise<boolean> {
  return (await ask(port, '/v1/status/leader')).length > 2
}

async function knows(port: number, token: string): Promise<boolean> {
  return (await ask(port, '/v1/acl/token/self', { 'x-consul-token': token })) !== ''
}

/** Nothing for anything but HTTP 200. */
async function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<string> {
  try {
    const answer = await request(`http://127.0.0.1:${port}${path}`, { headers })
    const text = await answer.body.text()
    return answer.statusCode === 200 ? text : ''
  } catch {
    return ''
  }
}
