// `npm run import -- <folder>`: loads the Olist products with stock and replays the orders through the web BFF.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { planOlist } from '#tools/import/olist.ts'
import { startProgress } from '#tools/import/progress.ts'
import { reconcile } from '#tools/import/reconcile.ts'
import { addProducts, replayOrders } from '#tools/import/replay.ts'
import { describe, reconciles } from '#tools/import/report.ts'
import { createWebClient } from '#tools/import/web-client.ts'

const USAGE = `npm run import -- <folder> [--url http://127.0.0.1:4000/graphql] [--at-once 16] [--limit N] [--report FILE]
  folder     holds orders.csv, items.csv, payments.csv, products.csv and customers.csv
  --at-once  orders under way at the same time
  --limit    only the first N orders
  --report   writes the report to a file as well
Signs in as ops: with WAYBILL_TOKEN if it is set, else with the development issuer in DATA_DIR.
Running it again is safe: what stands there already is recognised by its key.`

const TOKEN_LIFE_SECONDS = 3600

/** An ops token, made anew before the last one expires. */
function opsToken(): () => Promise<string> {
  const given = process.env.WAYBILL_TOKEN
  if (given) return async () => given
  const folder = path.join(process.env.DATA_DIR ?? '.data', 'auth')
  let current: { token: Promise<string>; until: number } | undefined
  return () => {
    if (!current || current.until < Date.now()) {
      const token = openEmbeddedIssuer(folder).then(issuer =>
        issuer.sign({ role: 'ops', subject: 'import', ttlSeconds: TOKEN_LIFE_SECONDS }),
      )
      current = { token, until: Date.now() + (TOKEN_LIFE_SECONDS * 1000) / 2 }
    }
    return current.token
  }
}

async function main(): Promise<void> {
  const portBase = process.env.PORT_BASE ?? '4000'
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: `http://127.0.0.1:${portBase}/graphql` },
      'at-once': { type: 'string', default: '16' },
      limit: { type: 'string' },
      report: { type: 'string' },
    },
  })
  const [folder] = positionals
  const width = Number(values['at-once'])
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit)
  if (!folder || !Number.isInteger(width) || width < 1 || width > 256 || !(limit > 0)) throw new Error(USAGE)

  const plan = await planOlist(folder, limit)
  const began = performance.now()
  await using web = createWebClient(values.url, opsToken(), width)
  const loading = startProgress('products', plan.products.length)
  const refusals = await addProducts(web, plan.products, width, loading)
  loading.end()
  const placing = startProgress('orders  ', plan.orders.length)
  const placements = await replayOrders(web, plan.orders, width, placing)
  placing.end()
  const checking = startProgress('check   ', placements.length)
  const reconciliation = await reconcile(web, placements, width, checking)
  checking.end()

  const report = {
    orders: plan.orders.length,
    products: plan.products.length,
    seconds: (performance.now() - began) / 1000,
    rejects: plan.rejects,
    refusals,
    reconciliation,
  }
  console.log(describe(report))
  if (values.report) await writeFile(values.report, `${describe(report)}\n`)
  if (!reconciles(report)) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
