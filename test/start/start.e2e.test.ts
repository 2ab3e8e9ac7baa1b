import { existsSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findServer } from '#start/postgres-server.ts'
import { SEED_CUSTOMERS } from '#start/seed-data.ts'
import { PORT_OFFSETS, SERVICE_NAMES } from '#start/topology.ts'
import { runTool } from '#test/tools/run-tool.ts'
import { ADDRESS } from '#testbed/shop-client.ts'
import {
  freePortBase,
  launchWaybill,
  openDataDir,
  startWaybill,
  type WaybillProcess,
  whenPortsAreFree,
} from '#testbed/waybill-process.ts'

const [ada] = SEED_CUSTOMERS
const DEADLINE_MS = 30_000

const open = new AsyncDisposableStack()
let dataDir: string
let portBase: number
let instance: WaybillProcess
let second: WaybillProcess
beforeAll(async () => {
  const folders = [open.use(await openDataDir()), open.use(await openDataDir())] as const
  const env = { CARRIER_SANDBOX_STEP_MS: '60000' }
  const begun = await Promise.all(
    folders.map(async folder =>
      launchWaybill({ dataDir: folder.dataDir, portBase: await freePortBase(), env }),
    ),
  )
  for (const each of begun) open.use(each)
  ;[instance, second] = begun as [WaybillProcess, WaybillProcess]
  await Promise.all([instance.ready, second.ready])
  dataDir = folders[0].dataDir
  portBase = Number(new URL(instance.url('bff-web')).port)
})
afterAll(() => open.disposeAsync())

/** Runs one of the tools as npm would, for the instance under test. */
async function run(name: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const own = { DATA_DIR: dataDir, PORT_BASE: String(portBase), ...env }
  const { code, stdout, stderr } = await runTool(`${name}.ts`, args, own)
  return { code, printed: stdout.trim(), output: `${stdout}${stderr}`.trim() }
}

async function tokenOf(subject: string): Promise<string> {
  return (await run('token', ['--role', 'customer', '--subject', subject])).printed
}

async function ask(at: WaybillProcess, token: string, query: string, variables: object = {}) {
  const response = await fetch(`${at.url('bff-web')}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as { data: Record<string, unknown>; errors?: unknown }
}

async function ordersOf(at: WaybillProcess, token: string): Promise<string[]> {
  const { data, errors } = await ask(at, token, '{ orders(first: 100) { nodes { id } } }')
  expect(errors).toBeUndefined()
  return (data as { orders: { nodes: { id: string }[] } }).orders.nodes.map(({ id }) => id)
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const late = AbortSignal.timeout(DEADLINE_MS)
  while (!(await condition())) {
    late.throwIfAborted()
    await delay(20)
  }
}

const cluster = () => path.join(dataDir, 'postgres', 'cluster')
const restart = async () => {
  instance = open.use(await startWaybill({ dataDir, portBase }))
}

describe('an instance that runs', () => {
  test('prints that it is ready, and the addresses', async () => {
    await until(() => instance.lines.some(line => line.includes('Ctrl-C stops everything')))
    expect(instance.lines.join('\n')).toMatch(/Waybill is ready, in \d+\.\d s/)
    for (const name of SERVICE_NAMES) {
      const address = `http://127.0.0.1:${portBase + PORT_OFFSETS[name]}`
      expect(instance.lines.some(line => line.endsWith(`${address}/graphql`))).toBe(true)
      expect((await fetch(`${address}/health/ready`)).status).toBe(200)
    }
  })

  test('accepts the tokens that tools/token.ts prints', async () => {
    const { data } = await ask(instance, await tokenOf(ada.id), '{ me { name } }')
    expect(data).toEqual({ me: { name: ada.name } })
  })

  test('shows a catalogue with pictures, which the web BFF serves, and with variants', async () => {
    const query = `{ searchProducts(first: 100) { nodes {
      sku description images { url altText } variants { sku available } } } }`
    const response = await fetch(`${instance.url('gateway')}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    })
    const { data } = (await response.json()) as {
      data: { searchProducts: { nodes: { sku: string; description: string; images: { url: string }[] }[] } }
    }
    const { nodes } = data.searchProducts
    const shirts = ['shirt-white-m', 'shirt-white-l', 'shirt-indigo-m', 'shirt-indigo-l']
    expect(nodes.find(({ sku }) => sku === 'shirt-white-m')).toMatchObject({
      variants: shirts.map(sku => ({ sku, available: expect.any(Number) })),
    })
    for (const { sku, description, images } of nodes) {
      expect({ sku, images: images.length }).toEqual({ sku, images: 1 })
      expect(description.length).toBeGreaterThan(0)
      const picture = await fetch(new URL(images[0]?.url ?? '', instance.url('bff-web')))
      expect(picture.headers.get('cache-control')).toContain('immutable')
      expect(picture.headers.get('content-type')).toBe('image/svg+xml')
    }
  })

  test('makes tools/token.ts fail when tokens come from another issuer', async () => {
    const foreign = { AUTH_JWKS_URL: 'https://issuer.example/jwks.json' }
    const { code, output } = await run('token', ['--role', 'ops', '--subject', 'ops'], foreign)
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('AUTH_JWKS_URL is set') })
  })

  test('is independent of another instance on the same machine', async () => {
    const placed = await placeOrder()
    const token = await tokenOf(ada.id)
    expect(await ordersOf(instance, token)).toContain(placed)
    const { errors } = await ask(second, token, '{ me { name } }')
    expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    process.kill(second.pid, 'SIGTERM')
    expect(await second.ended).toBe(0)
  })

  test('keeps its ports: another start there names them and ends with 1', async () => {
    await using other = await openDataDir()
    const late = launchWaybill({ dataDir: other.dataDir, portBase })
    expect(await late.ended).toBe(1)
    expect(late.lines).toEqual([expect.stringMatching(/^PORT_IN_USE: .*PORT_BASE/)])
    expect(late.lines[0]).toContain(`${portBase} (bff-web)`)
  })

  test('keeps its data: another start on it ends with 1, and so does a reset', async () => {
    const late = launchWaybill({ dataDir, portBase: await freePortBase() })
    expect(await late.ended).toBe(1)
    expect(late.lines.join('\n')).toContain('DATA_DIR_IN_USE')
    const { code, output } = await run('reset', ['--yes'])
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('DATA_DIR_IN_USE') })
    expect(await ordersOf(instance, await tokenOf(ada.id))).not.toEqual([])
  })

  test('restarts a process that dies while the others keep running', async () => {
    const token = await tokenOf(ada.id)
    const edge = await instance.hostPid('gateway')
    process.kill(await instance.hostPid('orders'), 'SIGKILL')
    await until(() => instance.lines.some(line => line.startsWith('restart')))
    expect((await fetch(`${instance.url('bff-web')}/health/live`)).status).toBe(200)
    await until(async () => (await ask(instance, token, '{ orders { nodes { id } } }')).errors === undefined)
    expect(await instance.hostPid('gateway')).toBe(edge)
  })
})

describe('an instance that ends', () => {
  let token: string
  let orders: readonly string[]
  beforeAll(async () => {
    token = await tokenOf(ada.id)
    orders = await ordersOf(instance, token)
  })

  test('leaves nothing running after Ctrl-C, even when npm repeats it, and keeps its data', async () => {
    process.kill(-instance.pid, 'SIGINT')
    expect(await instance.interrupt()).toBe(0)
    expect(await instance.pids()).toEqual([])
    expect(await findServer(cluster())).toBeUndefined()
    await restart()
    expect(instance.lines.join('\n')).not.toContain('seed ')
    expect(await ordersOf(instance, token)).toEqual(orders)
  })

  test('leaves a database after SIGKILL that the next start takes over', async () => {
    const left = await findServer(cluster())
    await instance.kill()
    expect(await findServer(cluster())).toEqual(left)
    await restart()
    expect(await findServer(cluster())).toEqual(left)
    expect(await ordersOf(instance, token)).toEqual(orders)
  })

  test('ends its processes when only the starter is killed', async () => {
    // The starter, its two hosts, and the gateway's planner while it is busy.
    expect([3, 4]).toContain((await instance.pids()).length)
    process.kill(instance.pid, 'SIGKILL')
    await instance.ended
    await until(async () => (await instance.pids()).length === 0)
    await whenPortsAreFree(portBase)
  })

  test('is stopped and deleted by a reset', async () => {
    expect(await findServer(cluster())).toBeDefined()
    const { code, output } = await run('reset', ['--yes'])
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('Deleted the data') })
    expect(await findServer(cluster())).toBeUndefined()
    for (const name of ['postgres', 'auth', 'logs', 'seeded'])
      expect(existsSync(path.join(dataDir, name))).toBe(false)
    expect((await run('reset', ['--yes'])).output).toContain('Nothing was changed: there is no data in')
  })
})

async function placeOrder(): Promise<string> {
  const query = `mutation($input: CheckoutInput!) {
    checkout(input: $input) { __typename ... on OrderAccepted { order { id } } }
  }`
  const { data } = await ask(instance, await tokenOf(ada.id), query, {
    input: {
      idempotencyKey: 'kept',
      lines: [{ sku: 'kettle-01', quantity: 1 }],
      tenders: [{ kind: 'CARD', token: 'tok_approve' }],
      deliveryAddress: ADDRESS,
    },
  })
  const { checkout } = data as { checkout: { order?: { id: string } } }
  return checkout.order?.id ?? ''
}
