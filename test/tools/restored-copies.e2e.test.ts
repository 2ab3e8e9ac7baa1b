// Restores databases of different moments next to one another, and checks what the reconciler reports.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { queryDatabase } from '#test/fixtures/databases.ts'
import { runTool } from '#test/tools/run-tool.ts'
import { databaseOf, freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

type Variables = Readonly<Record<string, string>>

const importNorthwind = (env: Variables) =>
  runTool('import/main.ts', ['test/tools/import/northwind', '--mapping', 'northwind'], env)
const reconcile = (env: Variables, ...args: string[]) =>
  runTool('reconcile/main.ts', ['--settle', '1', ...args], env)

/** Copies the database as it is now. No service may be connected to it. */
async function copyDatabase(url: string, name: string): Promise<string> {
  const at = (database: string) => Object.assign(new URL(url), { pathname: `/${database}` }).href
  const source = new URL(url).pathname.slice(1)
  const server = at('postgres')
  const end = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1'
  await queryDatabase(server, end, [source])
  await queryDatabase(server, `CREATE DATABASE ${name} TEMPLATE ${source}`)
  return at(name)
}

/** The variables that name a database for each service. */
async function databases(dataDir: string): Promise<Record<string, string>> {
  const entries = SUBGRAPHS.map(async name => [
    `${name.toUpperCase()}_DATABASE_URL`,
    await databaseOf(dataDir, name),
  ])
  return Object.fromEntries(await Promise.all(entries))
}

test('the reconciler finds differences between databases restored from different moments, and none otherwise', async () => {
  await using data = await openDataDir()
  const options = {
    dataDir: data.dataDir,
    portBase: await freePortBase(),
    env: { CARRIER_SANDBOX_STEP_MS: '50' },
  }
  const env = { DATA_DIR: options.dataDir, PORT_BASE: String(options.portBase) }
  {
    await using before = await startWaybill(options)
    await before.kill()
  }
  const early = await copyDatabase(await databaseOf(data.dataDir, 'orders'), 'orders_early')
  await using instance = await startWaybill(options)
  expect(await importNorthwind(env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('All orders are imported, and reconcile'),
  })
  expect(await importNorthwind(env)).toMatchObject({ code: 0 }) // a second import finds what exists
  const file = path.join(data.dataDir, 'reconcile.prom')
  expect(await reconcile(env, '--metrics', file)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/The services agree\.\n$/),
  })
  expect(await readFile(file, 'utf8')).toContain(
    'waybill_reconcile_differences{kind="payment-without-order"} 0',
  )
  await instance.kill()

  const restored = { ...env, ...(await databases(data.dataDir)), ORDERS_DATABASE_URL: early }
  const { code, stdout } = await reconcile(restored, '--json', '--metrics', file)
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    byKind: { 'payment-without-order': 3, 'reservation-without-order': 3, 'shipment-without-order': 3 },
  })
  expect(await readFile(file, 'utf8')).toContain(
    'waybill_reconcile_differences{kind="payment-without-order"} 3',
  )
}, 400_000)

test('a failed comparison is reported with a sentence and its own exit code', async () => {
  const url = 'postgres://127.0.0.1:1/none'
  expect(await reconcile({ ORDERS_DATABASE_URL: url })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'INVENTORY_DATABASE_URL and PAYMENT_DATABASE_URL and SHIPPING_DATABASE_URL should be set too',
    ),
  })
  expect(await reconcile({ ORDERS_DATABASE_URL: 'http://127.0.0.1' })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^CONFIG_INVALID: .*\n {2}ORDERS_DATABASE_URL: /),
  })
})
