// Serves the REST routes over the web graph with resolvers of the test.

import { readFile } from 'node:fs/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { mountRest } from '#bff-web/rest/mount.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import type { Role } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { scalars } from '#platform/graphql/scalars.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { createOverloadGuard } from '#platform/resilience/overload-guard.ts'
import { temporaryFolder } from '../../platform/auth/temporary-folder.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'

type Field = (root: unknown, args: Record<string, unknown>, context: RequestContext) => unknown
type Answers = {
  readonly Query?: Readonly<Record<string, Field>>
  readonly Mutation?: Readonly<Record<string, Field>>
}

const CUSTOMER = { id: 'cus_1', name: 'Ada', email: 'ada@shop.example' }
const MONEY = { amount: '19.90', currency: 'EUR' }
export const SUMMARY = {
  id: 'ord_1',
  number: 'W-1',
  reference: null,
  status: 'CONFIRMED',
  awaitingApproval: false,
  customer: CUSTOMER,
  lines: [{ sku: 'mug', title: 'Mug', quantity: 2 }],
  total: MONEY,
  placedAt: '2026-01-31T12:00:00.000Z',
  updatedAt: '2026-01-31T12:00:01.000Z',
}
const CARD = {
  sku: 'mug',
  title: 'Mug',
  category: null,
  price: MONEY,
  available: 3,
  availability: 'IN_STOCK',
}
export const PAGE = {
  ...SUMMARY,
  cancellationRequested: false,
  cancellation: null,
  lines: [
    {
      lineNo: 1,
      sku: 'mug',
      title: 'Mug',
      quantity: 2,
      shippedQuantity: 0,
      deliveredQuantity: 0,
      lostQuantity: 0,
      returnedQuantity: 0,
      unitPrice: MONEY,
      total: MONEY,
      product: CARD,
    },
  ],
  itemsTotal: MONEY,
  shippingFee: MONEY,
  adjustments: [],
  refunded: MONEY,
  deliveryAddress: {
    name: 'Ada',
    line1: '1 Street',
    line2: null,
    city: 'Town',
    region: null,
    postalCode: '1',
    country: 'DE',
  },
  deliveryInstructions: null,
  shippingOption: 'STANDARD',
  timeline: [],
  allowedActions: ['CANCEL'],
  reservation: null,
  payments: [],
  shipments: null,
  returns: [],
  notices: [{ section: 'SHIPMENTS', code: 'UNAVAILABLE', message: 'Shipments cannot be loaded.' }],
}

export const BODY = {
  lines: [{ sku: 'mug', quantity: 2 }],
  tenders: [{ kind: 'CARD', token: 'tok_approve' }],
  deliveryAddress: { name: 'Ada', line1: '1 Street', city: 'Town', postalCode: '1', country: 'DE' },
}

export async function serveRest({ Query, Mutation }: Answers = {}) {
  const folder = await temporaryFolder()
  const issuer = await openEmbeddedIssuer(folder.path)
  const recording = recordingLogger()
  const sdl = await readFile(new URL('../../../schema/bff-web.graphql', import.meta.url), 'utf8')
  const schema = makeExecutableSchema({
    typeDefs: sdl,
    resolvers: [scalars, { ...(Query && { Query }), ...(Mutation && { Mutation }) }],
  })
  const http = createHttpServer({ name: 'bff-web', logger: recording.logger })
  const guard = createOverloadGuard(http.name)
  mountRest(http, { schema, guard, verifier: createVerifier(issuer), logger: recording.logger })
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 })
  const token = (role: Role = 'customer', subject = CUSTOMER.id) => issuer.sign({ role, subject })

  /** As a customer, unless the headers say otherwise; with the headers that a POST needs when there is a body. */
  async function ask(method: string, path: string, { body, headers = {} }: Request = {}) {
    return fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await token()}`,
        ...(method === 'POST' && { 'content-type': 'application/json', 'idempotency-key': 'key-1' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  }
  return {
    url,
    token,
    ask,
    ...recording,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

type Request = { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
