// Fills up the disk that holds an instance's log files under load, and frees it again.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { SEED_CUSTOMERS } from '#start/seed-data.ts'
import { freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

/** For a longer run: `LOG_DISK_SECONDS=60 npm test -- test/start/log-disk`. */
const FULL_SECONDS = Number(process.env.LOG_DISK_SECONDS ?? 3)
const CALLERS = 4

/** Mounts a small disk, which takes root's rights; undefined without them. */
function mountSmallDisk(folder: string): AsyncDisposable | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return { [Symbol.asyncDispose]: async () => void execFileSync('umount', ['-l', folder]) }
}

const LOOK = '{ orders(first: 3) { nodes { number status } } }'
const BUY = `mutation ($input: CheckoutInput!) { checkout(input: $input) { __typename } }`

function checkout(): object {
  const [ada] = SEED_CUSTOMERS
  return {
    idempotencyKey: randomUUID(),
    lines: [{ sku: 'notebook-01', quantity: 1 }],
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: {
      ...{ name: ada.name, line1: '1 Example Street', city: 'New York', region: 'NY' },
      ...{ postalCode: '10001', country: 'US' },
    },
  }
}

/** Checks out and queries until `stop` aborts; counts good responses, and keeps the others. */
function startLoad(url: string, token: string, stop: AbortSignal) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const state = { answered: 0, failed: [] as string[] }
  async function ask(query: string, variables: object): Promise<void> {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
      .then(async response => `${response.status} ${await response.text()}`)
      .catch(String)
    if (answer.startsWith('200') && !answer.includes('"errors"')) state.answered++
    else state.failed.push(answer)
  }
  async function call(): Promise<void> {
    while (!stop.aborted) {
      await ask(BUY, { input: checkout() })
      await ask(LOOK, {})
    }
  }
  return { state, ended: Promise.all(Array.from({ length: CALLERS }, call)) }
}

test(
  `a log disk that is full for ${FULL_SECONDS} s fails no request and ends no process, and lost lines are counted`,
  async context => {
    await using folder = await openDataDir()
    const logs = path.join(folder.dataDir, 'logs')
    await mkdir(logs)
    await using disk = mountSmallDisk(logs)
    if (!disk) return context.skip('mounting a small disk takes the rights of root')
    // Each request logs a line at this level, so the load itself fills the disk.
    const env = { LOG_LEVEL: 'debug' }
    await using instance = await startWaybill({
      dataDir: folder.dataDir,
      portBase: await freePortBase(),
      env,
    })
    const hosts = await instance.pids()

    const filler = path.join(logs, 'filler')
    await writeFile(filler, 'x'.repeat(2_000_000)).catch(() => {}) // the disk is full then
    expect((await statfs(logs)).bfree).toBe(0)
    const stop = new AbortController()
    const issuer = await openEmbeddedIssuer(path.join(folder.dataDir, 'auth'))
    const token = await issuer.sign({ role: 'customer', subject: SEED_CUSTOMERS[0].id })
    const load = startLoad(`${instance.url('bff-web')}/graphql`, token, stop.signal)
    await delay(FULL_SECONDS * 1_000)
    await expect.poll(() => failuresOf(instance.url('bff-web'))).toBeGreaterThan(0)
    stop.abort()
    await load.ended
    expect(load.state.failed).toEqual([])
    expect(load.state.answered).toBeGreaterThan(0)
    expect(await instance.pids()).toEqual(hosts)

    await rm(filler)
    await expect
      .poll(async () => (await readFile(path.join(logs, 'process-2.log'), 'utf8')).length)
      .toBeGreaterThan(0)
    console.log(
      `${load.state.answered} answers and no failure while the log disk was full for ${FULL_SECONDS} s`,
    )
  },
  90_000 + FULL_SECONDS * 2_000,
)

/** Returns how many log writes have failed in the process of this service. */
async function failuresOf(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const [, count = '0'] = /^waybill_log_write_failures_total\{code="ENOSPC"\} (\d+)$/m.exec(metrics) ?? []
  return Number(count)
}
