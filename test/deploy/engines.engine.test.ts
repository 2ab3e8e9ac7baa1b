// Runs Kafka and Consul with the settings of docker-compose.yml: they admit the services and nobody else.
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import { freePort } from '#start/postgres-server.ts'
import { readProject } from '#test/deploy/compose.ts'
import { ROOT } from '#test/docs/pages.ts'
import { consul, startConsul } from '#testbed/engines/consul.ts'
import { ENGINES_FOLDER, missingReason } from '#testbed/engines/engine.ts'
import { kafka, kafkaJars } from '#testbed/engines/kafka.ts'

const noKafka = missingReason(kafka) ?? (kafkaJars() ? undefined : 'its jars are not here')
const noConsul = missingReason(consul)
const SECRETS = new Proxy<Record<string, string>>(
  {},
  { get: (_, name) => `the-${String(name).toLowerCase()}` },
)
const { services } = readProject('trial', SECRETS)

function environmentOf(service: string): Record<string, string> {
  const given = Object.entries(services[service]?.environment ?? {})
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-deploy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe.skipIf(noKafka)(`Kafka as composed${noKafka ? ` (skipped: ${noKafka})` : ''}`, () => {
  /** Converts the image's environment to Kafka's properties: `KAFKA_NODE_ID` is `node.id`. */
  async function launch(port: number): Promise<void> {
    const folder = await freshFolder()
    const { CLUSTER_ID = '', KAFKA_HEAP_OPTS = '', ...env } = environmentOf('kafka')
    const [controller, local] = [await freePort(), await freePort()]
    const here = (value: string) =>
      value
        .replace('CLIENTS://:9092', `CLIENTS://127.0.0.1:${port}`)
        .replace('kafka:9092', `127.0.0.1:${port}`)
        .replaceAll('localhost:9093', `localhost:${controller}`)
        .replaceAll('localhost:9094', `localhost:${local}`)
        .replace('/var/lib/kafka/data', path.join(folder, 'data'))
    const lines = Object.entries(env).map(
      ([name, value]) => `${name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.')}=${here(value)}\n`,
    )
    const properties = path.join(folder, 'server.properties')
    await writeFile(properties, lines.join(''))
    const java = (...args: string[]) =>
      spawn('java', [...KAFKA_HEAP_OPTS.split(' '), '-cp', path.join(kafkaJars() ?? '', '*'), ...args], {
        stdio: 'ignore',
      })
    await once(java('kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties), 'exit')
    const server = java('kafka.Kafka', properties)
    onTestFinished(async () => {
      server.kill('SIGKILL')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    })
  }

  test('admits the services’ event bus, and nobody with another password', async () => {
    const port = await freePort()
    await launch(port)
    const url = environmentOf('orders').EVENT_BUS_URL?.replace('kafka:9092', `127.0.0.1:${port}`) ?? ''
    await using bus = await openEventBus(url)
    expect(await bus.end('orders')).toBe(0)
    await expect(openEventBus(url.replace(':the-', ':not-the-'))).rejects.toMatchObject({
      code: 'EVENT_BUS_UNREACHABLE',
      message: expect.stringContaining('refuses'),
    })
  })
})

describe.skipIf(noConsul)(`Consul as composed${noConsul ? ` (skipped: ${noConsul})` : ''}`, () => {
  test('has after any number of setups a token that may register and read settings, and no more', async () => {
    await using server = await startConsul({ acl: true })
    const url = server.url.replace('consul:', 'http:')
    const folder = await freshFolder()
    const [binary] = globSync('consul-[0-9]*.[0-9]*', { cwd: ENGINES_FOLDER })
    if (binary) await symlink(path.join(ENGINES_FOLDER, binary), path.join(folder, 'consul'))
    const token = randomUUID()
    const env = {
      PATH: `${process.env.PATH}:${folder}`,
      CONSUL_HTTP_ADDR: url,
      CONSUL_HTTP_TOKEN: server.token,
      SERVICES_TOKEN: token,
    }
    const setup = () => promisify(execFile)('sh', [path.join(ROOT, 'deploy/consul/setup.sh')], { env })
    const ask = (where: string, init: RequestInit = {}, asker: string = token) =>
      fetch(`${url}${where}`, { ...init, headers: { 'x-consul-token': asker } })
    await setup()
    const key = `/v1/kv${new URL(environmentOf('gateway').CONFIG_URL ?? '').pathname}`
    expect(await (await ask(`${key}?raw`)).text()).toBe('{}')
    await ask(key, { method: 'PUT', body: '{"logLevel":"warn"}' }, server.token)
    await setup()
    expect(await (await ask(`${key}?raw`)).text()).toBe('{"logLevel":"warn"}')
    const registration = JSON.stringify({ Name: 'orders', Port: 4101 })
    expect((await ask('/v1/agent/service/register', { method: 'PUT', body: registration })).status).toBe(200)
    expect((await ask('/v1/health/service/orders')).status).toBe(200)
    expect((await ask(key, { method: 'PUT', body: '{}' })).status).toBe(403)
    expect((await ask('/v1/agent/service/register', { method: 'PUT', body: registration }, '')).status).toBe(
      403,
    )
  })

  test('stores the settings of each service under the key that it reads', () => {
    for (const name of ['orders', 'inventory', 'payment', 'shipping', 'gateway', 'bff-web', 'bff-mobile'])
      expect(environmentOf(name).CONFIG_URL).toBe(`consul://consul:8500/waybill/${name}`)
  })
})
