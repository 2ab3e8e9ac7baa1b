// `npm run import -- <folder>`: loads the Olist products with stock and replays the orders through the web BFF.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { describeCopy, findLocalCopy, type LocalCopy } from '#start/local-copy.ts'
import { type Input, runCommand, wrongUsage } from '#tools/command-line.ts'
import { importOrders } from '#tools/commands.ts'
import { planOlist } from '#tools/import/olist.ts'
import { startProgress } from '#tools/import/progress.ts'
import { reconcile } from '#tools/import/reconcile.ts'
import { addProducts, replayOrders } from '#tools/import/replay.ts'
import { describe, reconciles } from '#tools/import/report.ts'
import { createWebClient } from '#tools/import/web-client.ts'

const TOKEN_LIFE_SECONDS = 3600

/** An ops token, made anew before the last one expires. */
function opsToken({ dataDir }: LocalCopy): () => Promise<string> {
  const given = process.env.WAYBILL_TOKEN
  if (given) return async () => given
  const folder = path.join(dataDir, 'auth')
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

async function main({ values, operands: [folder] }: Input<typeof importOrders.options>): Promise<number> {
  const copy = await findLocalCopy(process.env)
  const width = Number(values['at-once'])
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit)
  if (!folder) throw wrongUsage(importOrders, 'FOLDER should name the folder of the CSV files.')
  if (!Number.isInteger(width) || width < 1 || width > 256)
    throw wrongUsage(importOrders, `--at-once should be a number from 1 to 256, not ${values['at-once']}.`)
  if (!(limit > 0))
    throw wrongUsage(importOrders, `--limit should be a number of orders, not ${values.limit}.`)
  if (values.url === undefined) console.error(`This is ${describeCopy(copy)}.`)
  const url = values.url ?? `http://127.0.0.1:${copy.portBase}/graphql`

  const plan = await planOlist(folder, limit)
  const began = performance.now()
  await using web = createWebClient(url, opsToken(copy), width)
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
  return reconciles(report) ? 0 : 1
}

if (import.meta.main) await runCommand(importOrders, main)
