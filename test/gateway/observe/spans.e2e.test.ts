import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { postJson } from '#test/fixtures/http-server.ts'
import { type ReceivedSpan, startOtlpReceiver } from '#test/fixtures/otlp-receiver.ts'
import { startFaultySubgraph } from '#test/gateway/faulty-subgraph.ts'
import { runGateway } from '#test/gateway/gateway-process.ts'
import { answerItems, answerPrices, shopSupergraph } from '#test/gateway/graph/reload-fixture.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'

const CLICK = { trace: 'a'.repeat(32), span: 'b'.repeat(16) }
const REFUSED = { trace: 'c'.repeat(32), span: 'd'.repeat(16) }

let spans: readonly ReceivedSpan[]
let forwarded: unknown
beforeAll(async () => {
  await using receiver = await startOtlpReceiver()
  await using folder = await temporaryFolder()
  await using items = await startFaultySubgraph(answerItems)
  await using prices = await startFaultySubgraph(answerPrices)
  const file = path.join(folder.path, 'supergraph.graphql')
  await writeFile(file, shopSupergraph(1))
  await using gateway = runGateway({
    SUPERGRAPH: file,
    SUBGRAPH_URLS: `items=${items.url},prices=${prices.url}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
  })
  const url = await gateway.url
  const ask = ({ trace, span }: typeof CLICK, query: string) =>
    postJson(`${url}/graphql`, { query }, { traceparent: `00-${trace}-${span}-01` })
  await ask(CLICK, 'query Priced { items { id price } }')
  await ask(REFUSED, '{ nothing }')
  forwarded = items.requests[0]?.headers.traceparent
  gateway.signal('SIGTERM')
  await gateway.ended // sends the spans that it still has
  spans = receiver.spans
})

const find = ({ trace }: typeof CLICK, name: string) =>
  spans.find(span => span.traceId === trace && span.name === name)

test("an operation's span has the operation's name and belongs to the client's trace", () => {
  const request = find(CLICK, 'POST /graphql')
  expect(request?.parentId).toBe(CLICK.span)
  expect(find(CLICK, 'query Priced')).toMatchObject({
    parentId: request?.spanId,
    attributes: {
      'graphql.operation.type': 'query',
      'graphql.operation.name': 'Priced',
      'waybill.outcome': 'ok',
    },
  })
})

test("an operation's span contains its planning and each request to a subgraph, whose own spans continue the trace", () => {
  const operation = find(CLICK, 'query Priced')
  expect(find(CLICK, 'graphql.plan')?.parentId).toBe(operation?.spanId)
  for (const subgraph of ['items', 'prices'])
    expect(find(CLICK, `subgraph ${subgraph}`)).toMatchObject({
      parentId: operation?.spanId,
      attributes: { 'waybill.subgraph': subgraph, 'graphql.operation.type': 'query' },
    })
  expect(find(CLICK, 'subgraph prices')?.attributes['graphql.operation.name']).toBe('Priced__prices__1')
  expect(forwarded).toBe(`00-${CLICK.trace}-${find(CLICK, 'subgraph items')?.spanId}-01`)
})

test('the span of a refused operation records the refusal', () => {
  expect(find(REFUSED, 'graphql.operation')?.attributes).toEqual({ 'waybill.outcome': 'refused' })
})
