// Runs every shell block of the README and of docs/ as a reader would, against one copy, and compares what it prints.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Block, blocksOf, PAGES, ROOT, readPage } from '#test/docs/pages.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { freePortBase, startWaybill, type WaybillProcess } from '#testbed/waybill-process.ts'

/** Commands that are shown and not run here, each with the reason. Their blocks are marked `no-run`. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'npm start': 'the copy under test is started by it, on ports of its own',
  'PORT_BASE=5000 DATA_DIR=.data-2 npm start': 'does not end; the copy under test is such a second copy',
  'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start':
    'does not end; test/e2e/tracing.e2e.test.ts follows a trace',
  'PERSISTED_OPERATIONS=only npm start':
    'does not end; test/platform/graphql/endpoint/persisted-operations.test.ts runs a server so',
  'npm test': 'runs this very test',
  'npm run test:engines': 'takes minutes, and builds engines',
  'npm run test:fleet': 'takes many minutes, and kills processes and engines',
  'npm run reset': 'deletes the data of the copy in .data; it refuses while the copy under test is running',
  'npm run bench': 'takes minutes, and overwrites the results in bench/results',
  'npm run bench -- checkout --quick': 'takes a minute, and overwrites the results in bench/results',
  'npm run bench -- gateway': 'takes minutes, and installs other gateways from the package registry',
  'consul kv put waybill/gateway \'{"rateLimit": {"capacity": 1000, "perSecond": 50}}\'':
    'needs Consul; test/gateway/live-settings.engine.test.ts puts such values there',
  ...Object.fromEntries(
    blocksOf(readPage('docs/how-to/deploy.md'))
      .filter(({ marks }) => marks.includes('no-run'))
      .map(({ text }) => [
        text.trim(),
        'is about Docker or Kubernetes; test/deploy/ holds the files against the code',
      ]),
  ),
}

const STARTED_BASE = 4000

let copy: WaybillProcess
let dataDir: string
let portBase: number
let databases: { readonly inventory: string; readonly bus: string }

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-docs-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  portBase = await freePortBase()
  databases = { inventory: await freshDatabase(), bus: await freshDatabase() }
  copy = await startWaybill({ dataDir, portBase, env: { CARRIER_SANDBOX_STEP_MS: '150' } })
}, 90_000)

afterAll(async () => {
  await copy?.[Symbol.asyncDispose]()
  await rm(dataDir, { recursive: true, force: true })
})

/** The block for the copy under test: its ports, its data, its databases. */
function adapted(command: string): string {
  return command
    .replace(
      /(127\.0\.0\.1:|PORT=)(4\d{3})\b/g,
      (_, before, port) => before + (Number(port) - STARTED_BASE + portBase),
    )
    .replaceAll('.data/', `${dataDir}/`)
    .replaceAll('postgres://waybill:secret@127.0.0.1:5432/inventory', databases.inventory)
    .replaceAll('postgres://waybill:secret@127.0.0.1:5432/bus', databases.bus)
}

type Shown = { readonly command: string; readonly output?: Block }

/** The shell blocks of a page that are to be run, each with the output that the page shows for it. */
function shownIn(page: string): Shown[] {
  const blocks = blocksOf(readPage(page))
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh' || block.marks.includes('no-run')) return []
    const next = blocks[index + 1]
    const output = next && ['json', 'text'].includes(next.language) ? next : undefined
    return [{ command: block.text, ...(output && { output }) }]
  })
}

/** Sources the blocks one after the other in one shell, as a reader's terminal does. Returns what each printed. */
async function run(shown: readonly Shown[]): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-docs-blocks-'))
  const file = (index: number, kind: string) => path.join(folder, `${index}.${kind}`)
  try {
    await Promise.all(shown.map(({ command }, index) => writeFile(file(index, 'sh'), adapted(command))))
    const sourced = shown.map((_, index) => `. ${file(index, 'sh')} > ${file(index, 'out')}`)
    const script = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...sourced].join('\n')
    await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: ROOT,
      env: {
        ...process.env,
        PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`,
        DATA_DIR: dataDir,
        PORT_BASE: String(portBase),
      },
    })
    return await Promise.all(shown.map((_, index) => readFile(file(index, 'out'), 'utf8')))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What really differs from run to run. Only this is compared by kind; all else must be as the page shows it. */
const VARYING: Readonly<Record<string, RegExp>> = {
  'id of an order': /\bord_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
  'order number': /\bW[0-9A-HJKMNP-TV-Z]{10}\b/g,
  'tracking number': /\bSB[0-9A-F]{16}\b/g,
  'request id': /(?<="requestId": ")[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=")/g,
  instant: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g,
  duration: /(?<= in )\d+\.\d s$/gm,
  'version of the supergraph': /(?<=\bserves version )[0-9a-f]{12}\b/g,
  'position in a log': /(?<=\bat position )\d+\b/g,
  'events before a rebuild': /(?<=: rebuilt from )\d+(?= events? )/g,
  'orders of a customer who has ordered before': /(?<=^(?:first|second) sync: .*, )\d+(?= orders?$)/gm,
}

/** `text` with the name of its kind in place of each value that differs from run to run. */
function lasting(text: string): string {
  return Object.entries(VARYING).reduce(
    (left, [kind, value]) => left.replace(value, `(${kind})`),
    text.trim(),
  )
}

/** The same for JSON, whose layout does not count. */
function lastingJson(text: string): unknown {
  return JSON.parse(lasting(JSON.stringify(JSON.parse(text), null, 1)))
}

/** What was printed, with the ports of a copy that is started by `npm start`. */
function onPortsOfTheStart(printed: string): string {
  return printed.replace(
    /(127\.0\.0\.1:)(\d+)/g,
    (_, before, port) => before + (Number(port) - portBase + STARTED_BASE),
  )
}

function compare({ command, output }: Shown, text: string): void {
  const printed = onPortsOfTheStart(text)
  if (output?.language === 'json')
    expect.soft(lastingJson(printed), command).toEqual(lastingJson(output.text))
  if (output?.language === 'text') expect.soft(lasting(printed), command).toBe(lasting(output.text))
  for (const line of printed.split('\n').filter(line => line.startsWith('{') && output === undefined))
    expect.soft(JSON.parse(line), command).not.toHaveProperty('errors')
}

test('what may differ from run to run is on some page, and each kind is told from the others', () => {
  const outputs = PAGES.flatMap(shownIn).flatMap(({ output }) => (output ? lasting(output.text) : []))
  const seen = Object.keys(VARYING).filter(kind => outputs.some(text => text.includes(`(${kind})`)))
  expect(seen).toEqual(Object.keys(VARYING))
})

test('the commands that are not run are those that the pages mark, and each has its reason', () => {
  const marked = PAGES.flatMap(page => blocksOf(readPage(page)))
    .filter(block => block.language === 'sh' && block.marks.includes('no-run'))
    .map(block => block.text.trim())
  expect([...new Set(marked)].sort()).toEqual(Object.keys(NOT_RUN).sort())
})

/** Runs what the page shows to be run, and compares what it printed with what the page shows. */
async function follow(page: string): Promise<void> {
  const shown = shownIn(page)
  const printed = await run(shown)
  for (const [index, block] of shown.entries()) compare(block, printed[index] ?? '')
}

test('the commands of the README lead to an order that is completed', async () => {
  await follow('README.md')
  const [signIn, , look] = shownIn('README.md')
  if (!signIn || !look) throw new Error('the README signs in, checks out and looks')
  const newest = async () => JSON.parse((await run([signIn, look]))[1] ?? '').data.orders.nodes[0]
  await expect
    .poll(newest, { timeout: 20_000, interval: 200 })
    .toMatchObject({ status: 'COMPLETED', lines: [{ title: 'Pour-over kettle' }] })
}, 60_000)

test.each(PAGES.filter(page => page !== 'README.md' && shownIn(page).length > 0))(
  'the commands of %s do what it says',
  follow,
  60_000,
)
