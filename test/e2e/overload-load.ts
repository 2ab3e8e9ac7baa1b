// Sends checkouts and cached reads to an instance, in loops or at a fixed rate, and sums up what became of them.
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  createSender,
  type GraphqlResponse,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'
import type { WaybillProcess } from '#testbed/waybill-process.ts'

type Answer = {
  /** `refused`: at once, with HTTP 503 and Retry-After. */
  readonly is: 'served' | 'refused' | 'failed'
  readonly endedAt: number
  readonly ms: number
  /** The failure, for the message of the test. */
  readonly problem?: string
}
type Send = () => Promise<Answer>

export type Summary = {
  /** Served in each second of the second half, when all has come to rest. */
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly refused: number
  /** The failures other than refusals, once each. */
  readonly problems: readonly string[]
}

const CATALOGUE = '{ products(first: 5) { nodes { sku } } }'
const CONNECTIONS = 400
/** A refused caller of a loop comes again after this time, which keeps the load up. */
const PAUSE_MS = 200

/** Adds products and customers. */
export async function openShop(instance: WaybillProcess, dataDir: string) {
  const pool = new Pool(instance.url('bff-web'), { connections: CONNECTIONS })
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const platform = {
    token: (role: 'ops' | 'customer' | 'service' | 'support', subject: string = role) =>
      issuer.sign({ role, subject }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  }
  const skus = Array.from({ length: 20 }, (_, index) => `crowd-${index}`)
  for (const sku of skus) await addProduct(platform, { sku, price: '19.99', stock: { 'BER-1': 1_000_000 } })
  const shoppers: Shopper[] = []
  for (let index = 0; index < 20; index++) shoppers.push(await registerShopper(platform))
  let count = 0

  async function post(index: number, body: object, isServed: (data: object) => boolean): Promise<Answer> {
    const begunAt = performance.now()
    const {
      statusCode,
      headers,
      body: stream,
    } = await pool.request({
      path: '/graphql',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${shoppers[index % shoppers.length]?.token}`,
      },
      body: JSON.stringify(body),
    })
    const { data, errors } = (await stream.json()) as Partial<GraphqlResponse<object>>
    const endedAt = performance.now()
    const ms = endedAt - begunAt
    if (data && !errors && isServed(data)) return { is: 'served', endedAt, ms }
    if (statusCode === 503 && Number(headers['retry-after']) >= 1) return { is: 'refused', endedAt, ms }
    return { is: 'failed', endedAt, ms, problem: `HTTP ${statusCode} ${JSON.stringify(errors ?? data)}` }
  }

  return {
    checkout: (): Promise<Answer> => {
      const number = count++
      const sku = skus[number % skus.length] ?? ''
      const input = checkoutInput({ idempotencyKey: `crowd-${number}`, sku })
      return post(number, { query: CHECKOUT, variables: { input } }, data => {
        const { order } = (data as CheckoutResponse).checkout
        return order !== undefined && order.status !== 'PLACED'
      })
    },
    readCached: (): Promise<Answer> => post(0, { query: CATALOGUE }, () => true),
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

/** Has `callers` send one after the other for `ms`. */
export async function inLoops(callers: number, ms: number, send: Send): Promise<Summary> {
  const begunAt = performance.now()
  const answers: Answer[] = []
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() - begunAt < ms) {
        const answer = await send()
        answers.push(answer)
        if (answer.is !== 'served') await delay(PAUSE_MS)
      }
    }),
  )
  return summarise(answers, begunAt, ms)
}

/** Sends at a fixed rate for `ms`, whatever the answers. */
export async function atRate(perSecond: number, ms: number, send: Send): Promise<Summary> {
  const begunAt = performance.now()
  const sent: Promise<Answer>[] = []
  for (let due = 0; due < ms; due = (sent.length * 1000) / perSecond) {
    const early = begunAt + due - performance.now()
    if (early > 0) await delay(early)
    sent.push(send())
  }
  return summarise(await Promise.all(sent), begunAt, ms)
}

function summarise(answers: readonly Answer[], begunAt: number, ms: number): Summary {
  const served = answers.filter(({ is }) => is === 'served')
  const counted = served.filter(({ endedAt }) => endedAt > begunAt + ms / 2 && endedAt <= begunAt + ms)
  const latencies = served.map(({ ms: took }) => took).sort((one, other) => one - other)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.POSITIVE_INFINITY
  return {
    perSecond: counted.length / (ms / 2000),
    p50: at(0.5),
    p99: at(0.99),
    refused: answers.filter(({ is }) => is === 'refused').length,
    problems: [...new Set(answers.flatMap(({ problem }) => problem ?? []))],
  }
}
