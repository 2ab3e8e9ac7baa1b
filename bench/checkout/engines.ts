// Compares checkouts and projection lag on PostgreSQL alone with those on Kafka, Redis, MongoDB, Temporal and Consul.
import { Pool } from 'undici'
import { lagBuckets, lagQuantiles } from '#bench/checkout/projection-lag.ts'
import {
  type Bench,
  inRounds,
  type Load,
  measureLoad,
  medianRatio,
  medians,
  printTable,
  rounded,
} from '#bench/harness/benchmark.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { SERVICE_NAMES } from '#start/topology.ts'
import { openCheckoutLoad } from '#testbed/checkout-load.ts'
import { type EngineSet, openPostgresSet, openScaleOutSet } from '#testbed/fleet/engine-set.ts'
import { startFleet } from '#testbed/fleet/fleet.ts'
import { createRecoveryProbe } from '#testbed/fleet/recovery-probe.ts'

const CALLERS = 8
/** Both sets run one process of each service, so that only the engines differ. */
const COPIES = { ...Object.fromEntries(SERVICE_NAMES.map(name => [name, 1])), 'bff-mobile': 0 }

type Figures = Load & { readonly lagP50: number; readonly lagP99: number }
type Contender = AsyncDisposable & {
  readonly set: EngineSet
  warmUp(ms: number): Promise<unknown>
  measure(ms: number): Promise<Figures>
}

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const embedded = open.use(await startContender(await openPostgresSet()))
  const scaleOut = open.use(await startContender(await openScaleOutSet()))
  for (const line of scaleOut.set.missing) console.log(`left out: ${line}`)
  for (const contender of [embedded, scaleOut]) await contender.warmUp(quick ? 3_000 : 15_000)

  const ms = quick ? 5_000 : 20_000
  const rounds = await inRounds(quick ? 2 : 5, {
    embedded: () => embedded.measure(ms),
    scaleOut: () => scaleOut.measure(ms),
  })
  const figures = {
    callers: CALLERS,
    embedded: medians(rounds.map(round => round.embedded)),
    scaleOut: medians(rounds.map(round => round.scaleOut)),
    scaleOutToEmbedded: rounded(medianRatio(rounds, 'scaleOut', 'embedded')),
  }
  print(figures)
  return {
    versions: versionsOf(scaleOut.set),
    figures: { ...figures, leftOut: scaleOut.set.missing },
    goals: [],
  }
}

async function startContender(set: EngineSet): Promise<Contender> {
  await using open = new AsyncDisposableStack()
  open.use(set)
  const env = { LOG_LEVEL: 'warn', CARRIER_SANDBOX_STEP_MS: '2000' }
  const fleet = open.use(
    await startFleet({
      databases: set.databases,
      counts: COPIES,
      env: service => ({ ...env, ...set.env(service) }),
    }),
  )
  await (await createRecoveryProbe(fleet)).recover()
  const pool = new Pool(fleet.webUrl, { connections: CALLERS })
  open.defer(() => pool.close())
  const shop = await openCheckoutLoad(pool, fleet)
  const subgraphs = SUBGRAPHS.flatMap(name => fleet.processesOf(name).map(({ url }) => url))
  const running = open.move()
  return {
    set,
    warmUp: ms => measureLoad(CALLERS, ms, shop.confirm),
    async measure(ms) {
      const before = await lagBuckets(subgraphs)
      const measured = await measureLoad(CALLERS, ms, shop.confirm)
      const { p50: lagP50, p99: lagP99 } = lagQuantiles(before, await lagBuckets(subgraphs))
      return { ...measured, lagP50, lagP99 }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function versionsOf({ engines }: EngineSet): Record<string, string> {
  return Object.fromEntries(
    engines.map(({ version }) => [version.split(' ')[0] ?? version, version.split(' ').slice(1).join(' ')]),
  )
}

function print({ embedded, scaleOut }: { readonly embedded: Figures; readonly scaleOut: Figures }): void {
  printTable(
    [`${CALLERS} callers`, 'checkouts/s', 'p50 ms', 'p99 ms', 'lag p50 ms', 'lag p99 ms'],
    Object.entries({ embedded, 'scale-out': scaleOut }).map(
      ([name, { perSecond, p50, p99, lagP50, lagP99 }]) => [
        name,
        ...[perSecond, p50, p99].map(rounded),
        `<= ${lagP50}`,
        `<= ${lagP99}`,
      ],
    ),
  )
}
