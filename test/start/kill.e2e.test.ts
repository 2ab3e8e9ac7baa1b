// Kills processes at random moments while orders are placed; afterwards the ledgers must balance.
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { urlOf } from '#start/topology.ts'
import type { StoreUrls } from '#testbed/fleet/engine-set.ts'
import { randomFrom } from '#testbed/random.ts'
import { createSender, type PlatformClient } from '#testbed/shop-client.ts'
import {
  databaseOf,
  freePortBase,
  launchWaybill,
  openDataDir,
  startWaybill,
  type WaybillOptions,
  type WaybillProcess,
  whenPortsAreFree,
} from '#testbed/waybill-process.ts'
import { findDiscrepancies } from './ledger-audit.ts'
import { expectOutcomes, untilAtRest, untilEmpty } from './order-outcomes.ts'
import { startTraffic } from './traffic.ts'

/** `npm run test:kill` kills more often. `KILL_SEED` repeats the moments and victims of an earlier run. */
const KILLS = Number(process.env.KILLS ?? 4)
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const SHOPPERS = 6
const SETTLE_MS = 60_000

const QUICK = {
  LOG_LEVEL: 'warn',
  CARRIER_SANDBOX_STEP_MS: '50',
  PAYMENT_SANDBOX_APPROVAL_MS: '100',
  APPROVAL_TIMEOUT_MS: '3000',
}

test(
  `after ${KILLS} kills every order reaches its end, and nothing is charged or shipped twice`,
  async () => {
    const random = randomFrom(SEED)
    const label = `KILL_SEED=${SEED}`
    const began = performance.now()
    await using folder = await openDataDir()
    const options = { dataDir: folder.dataDir, portBase: await freePortBase(), env: QUICK }
    await using running = await keepRunning(options)
    const graphs = await graphsOf(options)
    const traffic = await startTraffic(graphs, SHOPPERS)

    for (let kill = 0; kill < KILLS; kill++) {
      await traffic.more(3 + Math.floor(random() * 10))
      await delay(random() * 300)
      const strike = STRIKES[kill % STRIKES.length] ?? everything
      await strike(running, random)
    }
    await traffic.more(SHOPPERS)
    await traffic.finish()
    const customers = traffic.shoppers.map(({ id }) => id)
    await untilAtRest(graphs, customers, label)

    const found = await untilEmpty(async () => findDiscrepancies(await placesOf(folder.dataDir), customers))
    expect(found, label).toEqual([])
    await expectOutcomes(graphs, traffic, label)
    for (const answered of traffic.answered.slice(-20))
      expect(await traffic.repeat(answered), answered.key).toBe(answered.orderId)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`${KILLS} kills, ${traffic.answered.length} orders, ${seconds} s (KILL_SEED=${SEED})`)
  },
  90_000 + KILLS * 30_000,
)

type Running = AsyncDisposable & { instance: WaybillProcess; readonly options: WaybillOptions }
type Strike = (running: Running, random: () => number) => Promise<void>

async function keepRunning(options: WaybillOptions): Promise<Running> {
  const running = {
    instance: await startWaybill(options),
    options,
    [Symbol.asyncDispose]: () => running.instance[Symbol.asyncDispose](),
  }
  return running
}

/** Kills everything, as a power failure does, and restarts it. */
const everything: Strike = async running => {
  await running.instance.kill()
  running.instance = await startWaybill(running.options)
}

/** Kills everything again while the services start. */
const everythingTwice: Strike = async (running, random) => {
  await running.instance.kill()
  running.instance = launchWaybill(running.options)
  await Promise.race([running.instance.ready, delay(random() * 3_000)])
  await everything(running, random)
}

/** Kills the starter: the hosts notice that their parent is gone, and stop. */
const starter: Strike = async running => {
  process.kill(running.instance.pid, 'SIGKILL')
  await running.instance.ended
  await whenPortsAreFree(running.options.portBase)
  running.instance = await startWaybill(running.options)
}

/** Kills one host: the starter restarts it, and the others keep running. */
const oneHost: Strike = async ({ instance }, random) => {
  const victim = await instance.hostPid(random() < 0.5 ? 'orders' : 'gateway')
  const restarts = () => instance.lines.filter(line => line.startsWith('restart')).length
  const before = restarts()
  process.kill(victim, 'SIGKILL')
  await until(() => restarts() > before)
}

const STRIKES: readonly Strike[] = [oneHost, everything, starter, everythingTwice, oneHost]

async function graphsOf({ dataDir, portBase }: WaybillOptions): Promise<PlatformClient> {
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const machine = { host: '127.0.0.1', portBase }
  return {
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(service => `${urlOf(machine, service)}/graphql`),
  }
}

async function placesOf(dataDir: string): Promise<StoreUrls> {
  const [orders, inventory, payment, shipping] = await Promise.all([
    databaseOf(dataDir, 'orders'),
    databaseOf(dataDir, 'inventory'),
    databaseOf(dataDir, 'payment'),
    databaseOf(dataDir, 'shipping'),
  ])
  return { orders, inventory, payment, shipping }
}

async function until(condition: () => boolean): Promise<void> {
  const late = AbortSignal.timeout(SETTLE_MS)
  while (!condition()) {
    late.throwIfAborted()
    await delay(20)
  }
}
