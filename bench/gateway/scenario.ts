// Runs one scenario of the gateway benchmark: checks that all gateways answer the same, then loads each in turn.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { type GatewayProcess, type GatewayPrograms, startGateway } from '#bench/gateway/gateways.ts'
import { SDL } from '#bench/gateway/graph.ts'
import { inRounds, type Load, measureLoad, median } from '#bench/harness/benchmark.ts'
import { openHttpLoader } from '#bench/harness/http-load.ts'
import type { WorkerProcess } from '#bench/harness/worker-process.ts'

/**
 * One gateway's figures in one round. `cpuMs`, `subgraphsCpuMs` and `subgraphRequests` are per response: processor time
 * of the gateway's and of the subgraphs' process, and requests that the gateway sent to subgraphs.
 */
export type GatewayLoad = Load & {
  readonly cpuMs: number
  readonly peakMb: number
  readonly subgraphsCpuMs: number
  readonly subgraphRequests: number
}
export type Round = Readonly<Record<string, GatewayLoad>>

type ScenarioSetup = {
  readonly contenders: GatewayPrograms
  readonly subgraphs: WorkerProcess
  /** The path of the supergraph file, and the subgraphs' URLs by name as JSON. */
  readonly given: { readonly supergraph: string; readonly subgraphs: string }
}

type ScenarioOptions = {
  readonly query: string
  readonly connections: number
  readonly rounds: number
  readonly ms: number
}

export type Results = {
  readonly rounds: readonly Round[]
  readonly answerBytes: number
  /** Milliseconds for JSON.parse and JSON.stringify of the response: the median over all rounds. */
  readonly jsonMs: number
}

/** Composes the subgraphs at `port` and writes the supergraph into `folder`. */
export async function composeSupergraph(folder: string, port: number): Promise<ScenarioSetup['given']> {
  const services = Object.entries(SDL).map(([name, sdl]) => ({
    name,
    url: `http://127.0.0.1:${port}/${name}`,
    typeDefs: parse(sdl),
  }))
  const { errors, supergraphSdl } = composeServices(services)
  if (errors) throw new Error(errors.map(({ message }) => message).join('\n'))
  const supergraph = path.join(folder, 'supergraph.graphql')
  await writeFile(supergraph, supergraphSdl)
  return {
    supergraph,
    subgraphs: JSON.stringify(Object.fromEntries(services.map(({ name, url }) => [name, url]))),
  }
}

export async function runScenario(setting: ScenarioSetup, plan: ScenarioOptions): Promise<Results> {
  await using open = new AsyncDisposableStack()
  const running: Record<string, GatewayProcess> = {}
  for (const [name, program] of Object.entries(setting.contenders))
    running[name] = open.use(await startGateway(program, setting.given))
  const text = await sameAnswer(running, plan.query)
  const turns: Record<string, () => Promise<GatewayLoad>> = {}
  for (const [name, contender] of Object.entries(running)) {
    turns[name] = () => turn({ contender, plan, subgraphs: setting.subgraphs })
    await turns[name]() // warm-up
  }
  const json: number[] = []
  const rounds = await inRounds(plan.rounds, {
    ...turns,
    json: async () => {
      const { p50 } = await measureLoad(1, plan.ms / 2, async () => JSON.stringify(JSON.parse(text)))
      json.push(p50)
      return NOTHING
    },
  })
  return { rounds, answerBytes: Buffer.byteLength(text), jsonMs: median(json) }
}

const NOTHING: GatewayLoad = {
  perSecond: 0,
  p50: 0,
  p99: 0,
  cpuMs: 0,
  peakMb: 0,
  subgraphsCpuMs: 0,
  subgraphRequests: 0,
}

type Turn = {
  readonly contender: GatewayProcess
  readonly plan: ScenarioOptions
  readonly subgraphs: WorkerProcess
}

/** Opens new connections each time, since some gateways close those that idle during the others' turns. */
async function turn({ contender, plan, subgraphs }: Turn): Promise<GatewayLoad> {
  const look = async () => ({
    own: await contender.usage(),
    cpuMs: await subgraphs.request<number>('cpuMs'),
    requests: await subgraphs.request<number>('requests'),
  })
  using loader = await openHttpLoader(requestOf(contender, plan.query), plan.connections)
  const before = await look()
  const { answers, perSecond, p50, p99 } = await loader.run(plan.ms, { awake: false })
  const after = await look()
  return {
    perSecond,
    p50,
    p99,
    cpuMs: (after.own.cpuMs - before.own.cpuMs) / answers,
    peakMb: after.own.peakMb,
    subgraphsCpuMs: (after.cpuMs - before.cpuMs) / answers,
    subgraphRequests: (after.requests - before.requests) / answers,
  }
}

function requestOf({ url }: GatewayProcess, query: string) {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  return { url, method: 'POST', headers, body: JSON.stringify({ query }) } as const
}

/** Returns the response. Throws when it has errors or when two gateways differ. */
async function sameAnswer(running: Readonly<Record<string, GatewayProcess>>, query: string): Promise<string> {
  let first: { readonly name: string; readonly text: string } | undefined
  for (const [name, contender] of Object.entries(running)) {
    const { url, ...request } = requestOf(contender, query)
    const text = await (await fetch(url, request)).text()
    const answer: unknown = JSON.parse(text)
    if (text.includes('"errors":')) throw new Error(`${name} has errors: ${text.slice(0, 1000)}`)
    first ??= { name, text }
    if (!isDeepStrictEqual(answer, JSON.parse(first.text)))
      throw new Error(`${name} does not answer what ${first.name} answers`)
  }
  return first?.text ?? ''
}
