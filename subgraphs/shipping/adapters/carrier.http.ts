// Implements the carrier over HTTP with signed JSON requests: POST parcels, parcels/{reference}/cancel and /collect.
import { type Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { type JsonObject, parseJson } from '#platform/domain/json.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'
import type { Carrier } from './carrier.ts'

type HttpCarrierOptions = {
  /** The base URL of the calls: `https://carrier.example/v1` -> `https://carrier.example/v1/parcels`. */
  readonly url: string
  /** Shared with the carrier: signs our requests as it signs the notices of the carrier. */
  readonly secret: string
  readonly policy: Policy
  readonly now: () => Date
}

const CONNECTIONS = 32
const MAX_ANSWER_BYTES = 64 * 1024

const instant = z.iso.datetime({ offset: true }).transform(text => new Date(text).toISOString())
const booked = z.object({
  trackingNumber: z.string().min(1).max(64),
  estimatedDelivery: instant.nullish().transform(value => value ?? null),
})
const refused = z.object({ code: z.string().min(1).max(100), message: z.string().min(1).max(500) })
const cancelled = z.object({ status: z.enum(['cancelled', 'collected']) })

type CarrierResponse = { readonly status: number; readonly body: unknown }
type Post = (path: string, body: JsonObject) => Promise<CarrierResponse>

/**
 * 2xx is a success, 422 to a booking a refusal `{code, message}`, 404 to the others an unknown parcel. Anything else
 * is retried by the policy, and then throws: UNAVAILABLE for a carrier that is down, busy or disconnects;
 * OperatorError CARRIER_ANSWER for an unexpected response.
 */
export function openHttpCarrier(options: HttpCarrierOptions): Carrier {
  const { origin, pathname } = new URL(options.url)
  const pool = new Pool(origin, { connections: CONNECTIONS, maxResponseSize: MAX_ANSWER_BYTES })
  const base = pathname.replace(/\/$/, '')
  const post: Post = (path, body) =>
    options.policy.run(signal => send({ ...options, pool, path: `${base}${path}`, body, signal }), {
      idempotent: true,
    })
  return {
    async book(booking) {
      const answer = await post('/parcels', booking)
      if (answer.status === 422) return { status: 'refused', ...read(refused, answer) }
      return { status: 'booked', ...expected(booked, answer) }
    },
    async cancel(reference) {
      const answer = await post(`/parcels/${encodeURIComponent(reference)}/cancel`, { reference })
      return answer.status === 404 ? 'cancelled' : expected(cancelled, answer).status
    },
    async collect(reference) {
      const answer = await post(`/parcels/${encodeURIComponent(reference)}/collect`, { reference })
      return answer.status === 404 ? 'unknown' : expected(cancelled, answer).status
    },
    async [Symbol.asyncDispose]() {
      await pool.close()
    },
  }
}

type SignedRequest = HttpCarrierOptions & {
  readonly pool: Dispatcher
  readonly path: string
  readonly body: JsonObject
  readonly signal: AbortSignal
}

async function send({ pool, path, body, signal, secret, now }: SignedRequest): Promise<CarrierResponse> {
  const text = JSON.stringify(body)
  try {
    const answer = await pool.request({
      method: 'POST',
      path,
      signal,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': String(body.reference),
        [SIGNATURE_HEADER]: signWebhook(secret, text, now()),
      },
      body: text,
    })
    if (answer.statusCode === 429 || answer.statusCode >= 500) {
      await answer.body.dump()
      throw unavailable(new Error(`the carrier answered ${answer.statusCode}`))
    }
    return { status: answer.statusCode, body: parseJson(await answer.body.text()) }
  } catch (cause) {
    throw cause instanceof CallerError ? cause : unavailable(cause)
  }
}

function expected<T>(schema: z.ZodType<T>, answer: CarrierResponse): T {
  if (answer.status < 300) return read(schema, answer)
  throw misfit(answer)
}

function read<T>(schema: z.ZodType<T>, answer: CarrierResponse): T {
  const parsed = schema.safeParse(answer.body)
  if (parsed.success) return parsed.data
  throw misfit(answer, parsed.error)
}

function misfit({ status }: CarrierResponse, cause?: unknown): OperatorError {
  return new OperatorError('CARRIER_ANSWER', `the carrier answered ${status} with what it should not`, cause)
}

function unavailable(cause: unknown): CallerError {
  return new CallerError('UNAVAILABLE', 'The carrier does not answer. Try again.', {}, cause)
}
