// Benchmarks the gateway against Apollo Gateway, Hive Gateway and Mercurius: a nested query, a small one, and a 2 MB response.
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { gatewayPrograms, OUR_NAMES, PEER_NAMES } from '#bench/gateway/gateways.ts'
import { OPERATIONS } from '#bench/gateway/graph.ts'
import {
  composeSupergraph,
  type GatewayLoad,
  type Results,
  type Round,
  runScenario,
} from '#bench/gateway/scenario.ts'
import {
  atLeast,
  atMost,
  type Bench,
  type Goal,
  median,
  medianRatio,
  printTable,
  rounded,
  versionOf,
} from '#bench/harness/benchmark.ts'
import { installPeers } from '#bench/harness/peers.ts'
import { startWorker } from '#bench/harness/worker-process.ts'

const SUBGRAPHS = new URL('subgraphs.ts', import.meta.url)
const { plain: ours, sharing: oursSharing } = OUR_NAMES
const { apollo, hive, hiveSharing } = PEER_NAMES
const ratio = medianRatio<string>

type Scenario = {
  readonly title: string
  readonly query: string
  readonly connections: number
  goals(results: Results): Goal[]
}

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'big query',
    query: OPERATIONS.big,
    connections: 50,
    goals: ({ rounds }) => [
      atLeast("big query: requests to stock's", ratio(rounds, ours, apollo), 'times', 10),
      atLeast("big query: requests to Hive Gateway's", ratio(rounds, ours, hive), 'times', 2),
      atLeast(
        "big query, equal requests shared: requests to Hive Gateway's",
        ratio(rounds, oursSharing, hiveSharing),
        'times',
        2,
      ),
    ],
  },
  {
    title: 'small query',
    query: OPERATIONS.small,
    connections: 50,
    goals: ({ rounds }) => [
      atLeast("small query: requests to stock's", ratio(rounds, ours, apollo), 'times', 3),
    ],
  },
  {
    title: '2 MB answer',
    query: OPERATIONS.large,
    connections: 1,
    goals: ({ rounds, jsonMs }) => [
      atMost(
        '2 MB answer: time to JSON.parse + JSON.stringify',
        of(rounds, ours, 'p50') / jsonMs,
        'times',
        2,
      ),
    ],
  },
]

export const bench: Bench = async ({ quick }) => {
  const peers = await installPeers('gateway')
  await using open = new AsyncDisposableStack()
  const { path: folder } = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-')))
  const subgraphs = open.use(await startWorker(SUBGRAPHS))
  const given = await composeSupergraph(folder, await subgraphs.request<number>('port'))
  const setting = { contenders: await gatewayPrograms(folder, peers), subgraphs, given }
  const length = quick ? { rounds: 3, ms: 700 } : { rounds: 5, ms: 2000 }
  const figures: Record<string, unknown> = {}
  const goals: Goal[] = []
  for (const scenario of SCENARIOS) {
    const results = await runScenario(setting, { ...scenario, ...length })
    figures[scenario.title] = summaryOf(results)
    print(scenario, results)
    goals.push(...scenario.goals(results), lessMemory(scenario.title, results))
  }
  return { versions: await peerVersions(peers), figures, goals }
}

const NAMES = [...Object.values(OUR_NAMES), ...Object.values(PEER_NAMES)]
const COLUMNS: Readonly<Record<keyof GatewayLoad, string>> = {
  perSecond: 'per second',
  p50: 'p50 ms',
  p99: 'p99 ms',
  cpuMs: 'CPU ms each',
  peakMb: 'peak MB',
  subgraphRequests: 'to subgraphs',
  subgraphsCpuMs: 'their CPU ms',
}
const KEYS = Object.keys(COLUMNS) as (keyof GatewayLoad)[]

function of(rounds: readonly Round[], name: string, figure: keyof GatewayLoad): number {
  return rounded(median(rounds.map(round => round[name]?.[figure] ?? Number.NaN)))
}

function summaryOf({ rounds, answerBytes, jsonMs }: Results): Record<string, unknown> {
  const gateways = NAMES.map(name => [
    name,
    Object.fromEntries(KEYS.map(key => [key, of(rounds, name, key)])),
  ])
  return { answerBytes, jsonMs: rounded(jsonMs), ...Object.fromEntries(gateways) }
}

function print({ title, connections }: Scenario, { rounds, answerBytes, jsonMs }: Results): void {
  const head = `${title}: ${answerBytes} bytes, ${connections} connections`
  console.log()
  printTable(
    [head, ...KEYS.map(key => COLUMNS[key])],
    NAMES.map(name => [name, ...KEYS.map(key => of(rounds, name, key))]),
  )
  console.log(`JSON.parse + JSON.stringify of the same bytes: ${rounded(jsonMs)} ms`)
}

function lessMemory(title: string, { rounds }: Results): Goal {
  const better = Math.min(of(rounds, apollo, 'peakMb'), of(rounds, hive, 'peakMb'))
  return atMost(
    `${title}: peak memory to the lower of stock's and Hive Gateway's`,
    of(rounds, ours, 'peakMb') / better,
    'times',
    1,
  )
}

const PEER_PACKAGES = [
  '@apollo/gateway',
  '@apollo/server',
  '@mercuriusjs/gateway',
  '@graphql-hive/gateway-runtime',
  '@graphql-hive/router-runtime',
]

async function peerVersions(folder: string): Promise<Record<string, string>> {
  const peers = pathToFileURL(`${folder}/`)
  const versions = PEER_PACKAGES.map(async name => [name, await versionOf(name, peers)])
  return Object.fromEntries(await Promise.all(versions))
}
