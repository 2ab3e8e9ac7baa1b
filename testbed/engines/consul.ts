// Starts a single-server Consul for tests and benchmarks, found on PATH or built by Go from the module proxy.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { request } from 'undici'
import { freePort } from '#start/postgres-server.ts'
import {
  ENGINES_FOLDER,
  type Engine,
  engineAt,
  type Faults,
  findOnPath,
  outputOf,
  type RunningEngine,
} from '#testbed/engines/engine.ts'
import { buildWithGo, copyModule, type Go } from '#testbed/engines/go-build.ts'
import { startServerProcess } from '#testbed/engines/server-process.ts'

const VERSION = '1.22.6'
const MODULE = `github.com/hashicorp/consul@v${VERSION}`
const OBTAINED = path.join(ENGINES_FOLDER, `consul-${VERSION}`)
const BUILD_MS = 1_800_000

export const consul: Engine = {
  name: 'Consul',
  find() {
    const given = engineAt('CONSUL_URL', 'Consul')
    if (given) return given
    const binary = consulBinary()
    const version = outputOf(binary, 'version')?.split('\n')[0]
    const from = binary === OBTAINED ? 'the Go module proxy' : 'PATH'
    return version ? { version, from, start: () => startConsul() } : undefined
  },
  install: () =>
    buildWithGo({
      name: `Consul ${VERSION}`,
      place: OBTAINED,
      env: { GONOSUMDB: '*', GOFLAGS: '-mod=mod -buildvcs=false' },
      limitMs: BUILD_MS,
      build,
    }),
}

/** Builds from an edited copy: `go install` rejects modules with replacements, which Consul's have. Those are published too. */
async function build(go: Go, folder: string): Promise<string> {
  const source = await copyModule(go, folder, MODULE)
  const { Replace } = JSON.parse(await go(source, 'mod', 'edit', '-json'))
  const replaced: { Old: { Path: string } }[] = Replace ?? []
  await go(source, 'mod', 'edit', ...replaced.map(({ Old }) => `-dropreplace=${Old.Path}`))
  const program = path.join(folder, 'consul')
  await go(source, 'build', '-trimpath', '-ldflags', '-s -w', '-o', program, '.')
  return program
}

/** Returns Consul on PATH, or the one that was built. */
function consulBinary(): string {
  return findOnPath('consul') ?? OBTAINED
}

/** A running Consul, whose faults are always ours to inject. */
export type RunningConsul = RunningEngine & {
  readonly faults: Faults
  readonly dnsPort: number
  /** The token with all permissions, used when ACLs are on. */
  readonly token: string
}

/** Starts Consul on free loopback ports. With `acl`, every request needs a token. */
export async function startConsul({ acl = false }: { readonly acl?: boolean } = {}): Promise<RunningConsul> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-consul-'))
  const ports = {
    http: await freePort(),
    dns: await freePort(),
    lan: await freePort(),
    rpc: await freePort(),
  }
  const token = randomUUID()
  await writeFile(path.join(folder, 'agent.json'), JSON.stringify(settings(folder, acl ? token : undefined)))
  const server = await startServerProcess({
    name: 'Consul',
    launch: () => spawn(consulBinary(), agentArguments(folder, ports), { stdio: 'ignore' }),
    answers: async () => (await hasLeader(ports.http)) && (!acl || (await knows(ports.http, token))),
  })
  return {
    url: `consul://127.0.0.1:${ports.http}`,
    dnsPort: ports.dns,
    token,
    faults: server,
    async [Symbol.asyncDispose]() {
      await server.kill()
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

async function hasLeader(port: number): Promise<boolean> {
  return (await ask(port, '/v1/status/leader')).length > 2
}

async function knows(port: number, token: string): Promise<boolean> {
  return (await ask(port, '/v1/acl/token/self', { 'x-consul-token': token })) !== ''
}

/** Returns the response text, or an empty text for any status but 200. */
async function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<string> {
  try {
    const answer = await request(`http://127.0.0.1:${port}${path}`, { headers })
    const text = await answer.body.text()
    return answer.statusCode === 200 ? text : ''
  } catch {
    return ''
  }
}
