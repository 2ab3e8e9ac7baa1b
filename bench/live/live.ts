// Benchmarks live changes from commit to subscriber against a bare broadcast of the same bytes, and memory per subscriber.
import { execFileSync } from 'node:child_process'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  atMost,
  type Bench,
  type Goal,
  median,
  medians,
  printTable,
  quantile,
  rounded,
  versionOf,
} from '#bench/harness/benchmark.ts'
import { machineClockMs, startWorker, type WorkerProcess } from '#bench/harness/worker-process.ts'
import type { Subscribers } from '#bench/live/clients.ts'
import type { Memory } from '#bench/live/servers.ts'
import { type EmbeddedIssuer, openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { newId } from '#platform/domain/ids.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'

const CROWDS = [1, 1_000, 10_000]
/** Clients that connect and leave before memory is measured, so that one-off growth is not counted per subscriber. */
const FIRST_CLIENTS = 100
/** File descriptors that a process needs besides its connections. */
const SPARE_FILES = 200
const ORDER = newId('order')
const SERVER = new URL('servers.ts', import.meta.url)
const CLIENTS = new URL('clients.ts', import.meta.url)
const QUERY = `subscription Watch($id: ID!, $after: String) { orderChanges(id: $id, after: $after) {
  kind cursor events { cursor id type service orderId at }
  orders { id status placedAt customer lines { sku title quantity price currency stock } } } }`

/** Latencies in milliseconds; memory per subscriber in KB, of the process and of its heap and buffers. */
type Figures = { readonly p50: number; readonly p99: number; readonly rssKB: number; readonly heapKB: number }
/** `commit` is the median duration of the commit itself, which is part of the latencies. */
type Round = { readonly waybill: Figures & { readonly commit: number }; readonly bare: Figures }
type Stage = {
  readonly busUrl: string
  readonly bus: EventBus
  readonly authDirectory: string
  readonly issuer: EmbeddedIssuer
}

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const stage = await openStage(open)
  const figures: Record<string, unknown> = {}
  const goals: Goal[] = []
  const rows: (string | number)[][] = []
  for (const subscribers of CROWDS) {
    if (!filesSuffice(subscribers, figures)) continue
    const rounds: Round[] = []
    for (let round = 0; round < (quick ? 1 : 5); round++)
      rounds.push(
        await runRound(
          stage,
          subscribers,
          quick ? Math.ceil(eventsFor(subscribers) / 4) : eventsFor(subscribers),
        ),
      )
    const { commit, ...waybill } = medians(rounds.map(round => round.waybill))
    const of = { waybill, bare: medians(rounds.map(round => round.bare)) }
    const ratio = median(rounds.map(round => round.waybill.p99 / round.bare.p99))
    figures[`${subscribers} subscribers`] = { ...of, commit, p99ToBare: rounded(ratio) }
    for (const [name, { p50, p99, rssKB, heapKB }] of Object.entries(of))
      rows.push([
        `${subscribers} subscribers, ${name}`,
        p50,
        p99,
        subscribers > 1 ? rssKB : '',
        subscribers > 1 ? heapKB : '',
      ])
    goals.push(atMost(`${subscribers} subscribers: p99 to a bare broadcast's`, ratio, 'times', 3))
    if (subscribers > 1)
      goals.push(atMost(`${subscribers} subscribers: memory of each`, of.waybill.rssKB, 'KB', 40))
  }
  printTable(['event committed to received', 'p50 ms', 'p99 ms', 'KB each', 'of it heap'], rows)
  return { versions: { ws: await versionOf('ws') }, figures, goals }
}

function eventsFor(subscribers: number): number {
  return Math.round(Math.max(40, Math.min(300, 100_000 / subscribers)))
}

async function openStage(open: AsyncDisposableStack): Promise<Stage> {
  const { path: directory } = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-')))
  const postgres = open.use(await startEmbeddedPostgres({ directory, log: () => {} }))
  const busUrl = await postgres.database('bus')
  const bus = open.use(await openEventBus(busUrl))
  const authDirectory = path.join(directory, 'auth')
  return { busUrl, bus, authDirectory, issuer: await openEmbeddedIssuer(authDirectory) }
}

/** Returns whether a process may open that many connections, and prints a line when it may not. */
function filesSuffice(subscribers: number, figures: Record<string, unknown>): boolean {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  if (limit === 'unlimited' || Number(limit) >= subscribers + SPARE_FILES) return true
  const reason = `left out: a process may have ${limit} files open here (ulimit -n), and this needs ${subscribers + SPARE_FILES}`
  console.log(`${subscribers} subscribers ${reason}`)
  figures[`${subscribers} subscribers`] = reason
  return false
}

/** Starts fresh servers and clients for each contender; the bare broadcast sends the bytes that ours sent. */
async function runRound(stage: Stage, subscribers: number, events: number): Promise<Round> {
  const { text, ...waybill } = await runWaybill(stage, subscribers, events)
  return { waybill, bare: await runBare(subscribers, events, text) }
}

async function runWaybill(
  stage: Stage,
  subscribers: number,
  events: number,
): Promise<Figures & { commit: number; text: string }> {
  await using server = await startWorker(SERVER, serverArgs())
  await using clients = await startWorker(CLIENTS)
  const { busUrl, authDirectory } = stage
  const port = await server.request<number>('waybill', { busUrl, authDirectory })
  const crowdOf = async (size: number): Promise<Subscribers> => {
    const scripts = Array.from({ length: size }, (_, index) => scriptOf(stage.issuer, `usr_${size}_${index}`))
    return { port, path: '/graphql', scripts: await Promise.all(scripts) }
  }
  await comeAndGo(await crowdOf(FIRST_CLIENTS))
  const crowd = await crowdOf(subscribers)
  const weight = await weigh(server, subscribers, () => clients.request('join', crowd))
  const commits: number[] = []
  const latencies = await measure(clients, events, async () => {
    const begin = machineClockMs()
    await commitEvent(stage.bus)
    commits.push(machineClockMs() - begin)
    return begin
  })
  const text = await clients.request<string>('last')
  return { ...latencies, ...weight, commit: quantile(commits, 0.5), text }
}

async function runBare(subscribers: number, events: number, text: string): Promise<Figures> {
  await using server = await startWorker(SERVER, serverArgs())
  await using clients = await startWorker(CLIENTS)
  const port = await server.request<number>('bare')
  const crowdOf = (size: number): Subscribers => ({
    port,
    path: '/',
    scripts: Array.from({ length: size }, () => []),
  })
  await comeAndGo(crowdOf(FIRST_CLIENTS))
  const weight = await weigh(server, subscribers, () => clients.request('join', crowdOf(subscribers)))
  const latencies = await measure(clients, events, () => server.request<number>('broadcast', text))
  return { ...latencies, ...weight }
}

/** Returns Node's flags for the servers. WAYBILL_BENCH_PROF names a folder for their CPU profiles. */
function serverArgs(): string[] {
  const folder = process.env.WAYBILL_BENCH_PROF
  return ['--expose-gc', ...(folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [])]
}

async function comeAndGo(crowd: Subscribers): Promise<void> {
  await using clients = await startWorker(CLIENTS)
  await clients.request('join', crowd)
}

async function weigh(
  server: WorkerProcess,
  subscribers: number,
  join: () => Promise<unknown>,
): Promise<Pick<Figures, 'rssKB' | 'heapKB'>> {
  const before = await server.request<Memory>('memory')
  await join()
  const after = await server.request<Memory>('memory')
  const each = (of: (memory: Memory) => number) => (of(after) - of(before)) / 1024 / subscribers
  return { rssKB: each(({ rss }) => rss), heapKB: each(({ heap, buffers }) => heap + buffers) }
}

/** Longer than the minimum time between two notifications, for which a closely following event would wait. */
const APART_MS = 25

/** `send` returns when it began. The first events are not counted. */
async function measure(
  clients: WorkerProcess,
  events: number,
  send: () => Promise<number>,
): Promise<Pick<Figures, 'p50' | 'p99'>> {
  const latencies: number[] = []
  const warm = Math.ceil(events / 10)
  for (let event = 0; event < events + warm; event++) {
    await clients.request('arm')
    await delay(APART_MS)
    const begin = await send()
    const times = await clients.request<Float64Array>('collect')
    if (event >= warm) for (const time of times) latencies.push(time - begin)
  }
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) }
}

async function scriptOf(issuer: EmbeddedIssuer, subject: string): Promise<string[]> {
  const token = await issuer.sign({ role: 'support', subject })
  const payload = { query: QUERY, operationName: 'Watch', variables: { id: ORDER } }
  return [
    JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),
    JSON.stringify({ id: crypto.randomUUID(), type: 'subscribe', payload }),
  ]
}

let position = 0

async function commitEvent(bus: EventBus): Promise<void> {
  position += 1
  await bus.publish('orders', [
    {
      position,
      stream: `order-${ORDER}`,
      version: position,
      id: crypto.randomUUID(),
      type: 'OrderConfirmed',
      schema: 1,
      data: { customerId: 'cus_0190a5b2-7c1e-7d3a-9f10-6f2d0c3b4a59' },
      meta: { correlationId: crypto.randomUUID() },
      recordedAt: new Date().toISOString(),
    },
  ])
}
