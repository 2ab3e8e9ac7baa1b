// Implements the payment provider over HTTP: POST <url>/authorise, /capture, /void and /refund, JSON both ways.
import { Pool } from 'undici'
import { z } from 'zod'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { parseJson } from '#platform/domain/json.ts'
import { toDecimal } from '#platform/domain/money.ts'
import {
  type AuthoriseResponse,
  amountIn,
  codeText,
  instantText,
  type MoveCall,
  type MoveResponse,
  type PaymentProvider,
  type ProviderCall,
  refText,
  type VoidResponse,
} from './payment-provider.ts'

const CONNECTIONS = 16
/** A valid response has a few hundred bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024

/**
 * Each call carries the header `idempotency-key` and a body with `reference`, `tenderId`, `amount` as decimal text and
 * `currency`; authorise adds `kind` and `token`, a late void `providerRef`. The response is 200 with the port's response as
 * JSON, in which an amount is decimal text beside its `currency` as well. A user and password in the URL go out as
 * basic authentication. 408, 425, 429, 5xx and faults of the network are CallerError UNAVAILABLE; any other status or shape is OperatorError PROVIDER_PROTOCOL.
 */
export function openHttpProvider(providerUrl: string): PaymentProvider {
  const url = new URL(providerUrl)
  const pool = new Pool(url.origin, { connections: CONNECTIONS, maxResponseSize: MAX_RESPONSE_BYTES })
  const wire: Wire = { pool, prefix: url.pathname.replace(/\/$/, ''), headers: headersOf(url) }
  return {
    authorise: (call, signal) =>
      post(wire, { operation: 'authorise', call: moneyCall(call), schema: authoriseSchema }, signal),
    capture: (call, signal) =>
      post(wire, { operation: 'capture', call: moneyCall(call), schema: moveSchema }, signal),
    refund: (call, signal) =>
      post(wire, { operation: 'refund', call: moneyCall(call), schema: moveSchema }, signal),
    void: (call, signal) => post(wire, { operation: 'void', call, schema: voidSchema }, signal),
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

const declinedSchema = z.object({
  status: z.literal('declined'),
  code: codeText,
  retryable: z.boolean(),
})
/** Both or neither; decimal text that is not negative. */
const amountFields = { amount: z.string().optional(), currency: z.string().optional() }

const authoriseSchema: z.ZodType<AuthoriseResponse> = z.discriminatedUnion('status', [
  z
    .object({
      status: z.literal('approved'),
      providerRef: refText,
      ...amountFields,
      expiresAt: instantText.optional(),
    })
    .transform(({ expiresAt, ...answer }, context) => ({
      status: answer.status,
      providerRef: answer.providerRef,
      ...amountIn(answer, context),
      ...(expiresAt !== undefined && { expiresAt }),
    })),
  z.object({ status: z.literal('pending'), providerRef: refText }),
  declinedSchema,
])
const moveSchema: z.ZodType<MoveResponse> = z.discriminatedUnion('status', [
  z
    .object({ status: z.literal('approved'), ...amountFields })
    .transform((answer, context) => ({ status: answer.status, ...amountIn(answer, context) })),
  declinedSchema,
])
const voidSchema: z.ZodType<VoidResponse> = z.discriminatedUnion('status', [
  z.object({ status: z.literal('approved') }),
  declinedSchema,
])

type Wire = {
  readonly pool: Pool
  readonly prefix: string
  readonly headers: Readonly<Record<string, string>>
}

function headersOf({ username, password }: URL): Record<string, string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  if (!username) return headers
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { ...headers, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function moneyCall<Call extends MoveCall>({ amount, ...call }: Call) {
  return { ...call, amount: toDecimal(amount), currency: amount.currency }
}

type Request<Response> = {
  readonly operation: string
  readonly call: Pick<ProviderCall, 'idempotencyKey'>
  readonly schema: z.ZodType<Response>
}

async function post<Response>(
  wire: Wire,
  { operation, call, schema }: Request<Response>,
  signal?: AbortSignal,
): Promise<Response> {
  const { statusCode, text } = await send(wire, { operation, call }, signal)
  if (isUnanswered(statusCode)) throw unavailable(`status ${statusCode}`)
  const response = statusCode === 200 ? schema.safeParse(parseJson(text)) : undefined
  if (response?.success) return response.data
  throw new OperatorError(
    'PROVIDER_PROTOCOL',
    `the payment provider answered ${operation} with status ${statusCode} and not as agreed`,
    response?.error,
  )
}

async function send(
  { pool, prefix, headers }: Wire,
  { operation, call }: Pick<Request<unknown>, 'operation' | 'call'>,
  signal?: AbortSignal,
): Promise<{ statusCode: number; text: string }> {
  const { idempotencyKey, ...body } = call
  try {
    const response = await pool.request({
      method: 'POST',
      path: `${prefix}/${operation}`,
      headers: { ...headers, 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
    return { statusCode: response.statusCode, text: await response.body.text() }
  } catch (cause) {
    throw unavailable(cause instanceof Error ? cause.message : 'no answer', cause)
  }
}

function isUnanswered(statusCode: number): boolean {
  return statusCode >= 500 || statusCode === 408 || statusCode === 425 || statusCode === 429
}

function unavailable(reason: string, cause?: unknown): CallerError {
  return new CallerError('UNAVAILABLE', 'The payment provider does not answer. Try again.', { reason }, cause)
}
