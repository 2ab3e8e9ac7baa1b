// Implements `npm run import`: loads the products of a shop's files with stock, and replays its orders through the web BFF.
import { open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { OperatorError } from '#platform/domain/errors.ts'
import { CURRENCIES } from '#platform/domain/money.ts'
import { describeFault, faultOf } from '#platform/process/fault.ts'
import { describeInstance, findLocalInstance, issuerOf, type LocalInstance } from '#start/local-instance.ts'
import { type CommandInput, runCommand, usageError } from '#tools/command-line.ts'
import { importOrders } from '#tools/commands.ts'
import { checkEncoding } from '#tools/import/decode.ts'
import { readMapping } from '#tools/import/mapping.ts'
import { type Plan, planImport } from '#tools/import/plan.ts'
import { startProgress } from '#tools/import/progress.ts'
import { addProducts, type Placement, type Replay, replayOrders } from '#tools/import/replay.ts'
import { EXIT, type ExitCode, exitCodeOf, formatPlan, formatReport } from '#tools/import/report.ts'
import { readTables } from '#tools/import/tables.ts'
import { checkOrders } from '#tools/import/validation.ts'
import { createWebClient } from '#tools/import/web-client.ts'

const TOKEN_LIFE_SECONDS = 3600

/** Returns a source of ops tokens, renewed before they expire. Throws OperatorError NO_ISSUER_KEY. */
async function opsToken(instance: LocalInstance): Promise<() => Promise<string>> {
  const given = process.env.WAYBILL_TOKEN
  if (given) return async () => given
  const issuer = await issuerOf(instance)
  let current: { token: Promise<string>; until: number } | undefined
  return () => {
    if (!current || current.until < Date.now()) {
      const token = issuer.sign({ role: 'ops', subject: 'import', ttlSeconds: TOKEN_LIFE_SECONDS })
      current = { token, until: Date.now() + (TOKEN_LIFE_SECONDS * 1000) / 2 }
    }
    return current.token
  }
}

type Options = ReturnType<typeof readOptions>

/** Parses the options. Throws OperatorError USAGE that names the option and what it should be. */
function readOptions({ values, operands: [folder] }: CommandInput<typeof importOrders.options>) {
  const { encoding, currency, url } = values
  if (folder === undefined) throw usageError(importOrders, 'FOLDER should name the folder of the CSV files.')
  if (encoding !== undefined) checkEncoding(encoding)
  if (currency !== undefined && !Object.hasOwn(CURRENCIES, currency))
    throw usageError(
      importOrders,
      `--currency should be one of ${Object.keys(CURRENCIES).join(', ')}, not ${currency}.`,
    )
  if (url !== undefined && !URL.canParse(url))
    throw usageError(
      importOrders,
      `--url should be an address such as http://127.0.0.1:4000/graphql, not ${url}.`,
    )
  return {
    ...values,
    folder,
    width: wholeNumber('--at-once', values['at-once'], 256),
    patienceMs: wholeNumber('--patience', values.patience, 86_400) * 1000,
    limit: values.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--limit', values.limit, 1e9),
  }
}

function wholeNumber(name: string, given: string, max: number): number {
  const value = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN
  if (!(value >= 1 && value <= max))
    throw usageError(importOrders, `${name} should be a whole number from 1 to ${max}, not ${given}.`)
  return value
}

async function importFiles(options: Options): Promise<ExitCode> {
  const read = await readMapping(options.mapping)
  const mapping = { ...read, ...(options.currency && { currency: options.currency }) }
  const tables = await readTables(options.folder, mapping, options.encoding)
  const plan = planImport(tables, mapping, options.limit)
  if (options.report !== undefined) await checkWritable(options.report)
  if (options['dry-run']) {
    await print(formatPlan(plan, mapping.currency), options)
    return plan.rejects.length > 0 ? EXIT.rowsLeftOut : EXIT.imported
  }
  const report = await runImport(plan, mapping, options)
  await print(formatReport(report), options)
  return exitCodeOf(report)
}

async function runImport(
  plan: Plan,
  { name, currency }: { name: string; currency: string },
  options: Options,
) {
  const began = performance.now()
  const instance = await findLocalInstance(process.env)
  const { width, patienceMs, url = `http://127.0.0.1:${instance.portBase}/graphql` } = options
  if (options.url === undefined) console.error(`This is ${describeInstance(instance)}.`)
  await using web = createWebClient({
    url,
    token: await opsToken(instance),
    connections: width,
    patienceMs,
    onSilence: problem => console.error(`${url} does not answer (${problem}); trying again …`),
  })
  const replay: Replay = { web, source: name, currency, width, since: Date.now() }
  const failedProducts = await addAll(replay, plan.products)
  if (!web.hasAnswered())
    throw new OperatorError(
      'NOT_REACHABLE',
      `Nothing was imported: ${url} has not answered for ${patienceMs / 1000} seconds. Start the platform, or correct --url.`,
    )
  const placements = await placeAll(replay, plan.orders, failedProducts)
  const placed = placements.filter(({ status }) => status === 'placed')
  const check = await checkOrders(replay, placed, startProgress('check   ', placed.length))
  const last = [...placements, ...check.orders.map(({ placement }) => placement)]
  return {
    plan,
    currency,
    seconds: (performance.now() - began) / 1000,
    failedProducts,
    failedOrders: last.filter(placement => placement.status !== 'placed'),
    check,
  }
}

type Failures = Awaited<ReturnType<typeof addProducts>>

/** Adds the products, and retries those that got no response after all others. */
async function addAll(replay: Replay, products: Plan['products']): Promise<Failures> {
  const first = await addProducts(replay, products, startProgress('products', products.length))
  const open = products.filter(({ sku }) => first.get(sku)?.status === 'unanswered')
  if (open.length === 0 || replay.web.isAway()) return first
  const second = await addProducts(replay, open, startProgress('again   ', open.length))
  return new Map([...first].filter(([, { status }]) => status !== 'unanswered').concat([...second]))
}

/** Places the orders, and retries those that got no response after all others. */
async function placeAll(replay: Replay, orders: Plan['orders'], failed: Failures): Promise<Placement[]> {
  const first = await replayOrders(replay, orders, failed, startProgress('orders  ', orders.length))
  const open = first.flatMap(({ status, order }) => (status === 'unanswered' ? [order] : []))
  if (open.length === 0 || replay.web.isAway()) return first
  const second = await replayOrders(replay, open, failed, startProgress('again   ', open.length))
  return [...first.filter(({ status }) => status !== 'unanswered'), ...second]
}

/** Checks the report file before anything is imported. Throws OperatorError REPORT_NOT_WRITABLE. */
async function checkWritable(report: string): Promise<void> {
  try {
    await using _file = await open(report, 'a')
  } catch (error) {
    const { code, message } = faultOf(error)
    const why = code === 'ENOENT' ? `the folder ${path.dirname(report)} is not there.` : message
    throw new OperatorError('REPORT_NOT_WRITABLE', `--report cannot be written: ${why}`, error)
  }
}

async function print(text: string, { report }: Options): Promise<void> {
  console.log(text)
  if (report === undefined) return
  await writeFile(report, `${text}\n`)
  console.log(`The report is in ${report} too.`)
}

/** Runs the import. A fault of the files or of the whole platform ends it with exit code 2. */
async function main(input: CommandInput<typeof importOrders.options>): Promise<ExitCode> {
  const options = readOptions(input)
  try {
    return await importFiles(options)
  } catch (error) {
    console.error(describeFault(error))
    return EXIT.notBegun
  }
}

if (import.meta.main) await runCommand(importOrders, main)
