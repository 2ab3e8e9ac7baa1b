// Runs every shell block of the README and of docs/ as a reader would, against one instance, and compares the output.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf, PAGES, ROOT, readPage } from '#test/docs/pages.ts'
import {
  followPage,
  lasting,
  runShellBlocks,
  shellBlocksOf,
  type Target,
  VARYING,
} from '#test/docs/shell-blocks.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { freePortBase, startWaybill, type WaybillProcess } from '#testbed/waybill-process.ts'

/** Commands that are shown and not run here, each with the reason. Their blocks are marked `no-run`. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'npm start': 'the instance under test is started by it, on ports of its own',
  'PORT_BASE=5000 DATA_DIR=.data-2 npm start':
    'does not end; the instance under test is such a second instance',
  'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start':
    'does not end; test/e2e/tracing.e2e.test.ts follows a trace',
  'PERSISTED_OPERATIONS=only npm start':
    'does not end; test/platform/graphql/endpoint/persisted-operations.test.ts runs a server so',
  'npm test': 'runs this very test',
  'npm run test:engines': 'takes minutes, and builds engines',
  'npm run test:fleet': 'takes many minutes, and kills processes and engines',
  'npm run --silent compose && npm run --silent codegen && npm run --silent persist && npm run --silent openapi':
    'writes into the sources; test/docs/add-a-field.e2e.test.ts runs it in a copy',
  'npm run --silent typecheck': 'test/docs/add-a-field.e2e.test.ts runs it in a copy',
  'npm test -- subgraphs/orders/commands bff-web/resolvers bff-mobile': 'npm test runs these tests',
  'npm run reset':
    'deletes the data of the instance in .data; it refuses while the instance under test is running',
  'npm run bench': 'takes minutes, and overwrites the results in bench/results',
  'npm run bench -- checkout --quick': 'takes a minute, and overwrites the results in bench/results',
  'npm run bench -- growth': 'takes tens of minutes, and gigabytes of disk',
  'npm run bench -- gateway': 'takes minutes, and installs other gateways from the package registry',
  'consul kv put waybill/gateway \'{"rateLimit": {"capacity": 1000, "perSecond": 50}}\'':
    'needs Consul; test/gateway/live-settings.engine.test.ts puts such values there',
  ...Object.fromEntries(
    blocksOf(readPage('docs/how-to/build-a-phone-front-end.md'))
      .filter(({ marks }) => marks.includes('no-run'))
      .map(({ text }) => [
        text.trim(),
        'installs an app from the package registry; test/clients/kit runs the app’s files',
      ]),
  ),
  ...Object.fromEntries(
    blocksOf(readPage('docs/how-to/deploy.md'))
      .filter(({ marks }) => marks.includes('no-run'))
      .map(({ text }) => [
        text.trim(),
        'is about Docker or Kubernetes; test/deploy/ holds the files against the code',
      ]),
  ),
  ...Object.fromEntries(
    blocksOf(readPage('docs/how-to/build-a-web-front-end.md'))
      .filter(({ marks }) => marks.includes('no-run'))
      .map(({ text }) => [text.trim(), 'test/front-ends/ builds what the page builds, without the network']),
  ),
}

/** The README has a test of its own below, and the other page changes the sources: test/docs/add-a-field.e2e.test.ts. */
const FOLLOWED_ELSEWHERE = ['README.md', 'docs/how-to/add-a-field.md']

let instance: WaybillProcess
let target: Target

beforeAll(async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-docs-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  const portBase = await freePortBase()
  const databases = {
    'postgres://waybill:secret@127.0.0.1:5432/inventory': await freshDatabase(),
    'postgres://waybill:secret@127.0.0.1:5432/bus': await freshDatabase(),
  }
  target = { tree: ROOT, dataDir, portBase, databases }
  instance = await startWaybill({ dataDir, portBase, env: { CARRIER_SANDBOX_STEP_MS: '150' } })
})

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]()
  await rm(target.dataDir, { recursive: true, force: true })
})

test('what may differ from run to run is on some page, and each kind is told from the others', () => {
  const outputs = PAGES.flatMap(shellBlocksOf).flatMap(({ output }) => (output ? lasting(output.text) : []))
  const seen = Object.keys(VARYING).filter(kind => outputs.some(text => text.includes(`(${kind})`)))
  expect(seen).toEqual(Object.keys(VARYING))
})

test('the commands that are not run are those that the pages mark, and each has its reason', () => {
  const marked = PAGES.flatMap(page => blocksOf(readPage(page)))
    .filter(block => block.language === 'sh' && block.marks.includes('no-run'))
    .map(block => block.text.trim())
  expect([...new Set(marked)].sort()).toEqual(Object.keys(NOT_RUN).sort())
})

test('the commands of the README lead to an order that is completed', async () => {
  await followPage('README.md', target)
  const [signIn, , look] = shellBlocksOf('README.md')
  if (!signIn || !look) throw new Error('the README signs in, checks out and looks')
  const newest = async () =>
    JSON.parse((await runShellBlocks([signIn, look], target))[1] ?? '').data.orders.nodes[0]
  await expect
    .poll(newest, { timeout: 20_000, interval: 200 })
    .toMatchObject({ status: 'COMPLETED', lines: [{ title: 'Pour-over kettle' }] })
})

test.each(PAGES.filter(page => !FOLLOWED_ELSEWHERE.includes(page) && shellBlocksOf(page).length > 0))(
  'the commands of %s do what it says',
  page => followPage(page, target),
)
