// Signs and verifies webhooks by HMAC-SHA256 over time and body. Replays are for the receiving domain to detect.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'

export const SIGNATURE_HEADER = 'waybill-signature'
/** The time in a signature may differ from now by at most this, either way. */
const TOLERANCE_SECONDS = 300

const SIGNATURE = /^t=(\d{1,12}),v1=([\da-f]{64})$/

/** The value of the header `waybill-signature`: `t=<seconds of the epoch>,v1=<hex>`. */
export function signWebhook(secret: string, body: string | Uint8Array, timestamp: Date): string {
  const seconds = Math.floor(timestamp.getTime() / 1000)
  return `t=${seconds},v1=${digest(secret, seconds, body).toString('hex')}`
}

type ReceivedWebhook = {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly rawBody: string | Uint8Array
}

/** Compares in constant time. Throws CallerError UNAUTHENTICATED when the header is missing, malformed, old or wrong. */
export function verifyWebhook(secret: string, { headers, rawBody }: ReceivedWebhook, now: Date): void {
  const header = headers[SIGNATURE_HEADER]
  const [, seconds, signature] = SIGNATURE.exec(typeof header === 'string' ? header : '') ?? []
  if (!seconds || !signature) throw refuse(`the header ${SIGNATURE_HEADER} is missing or malformed`)
  if (Math.abs(now.getTime() / 1000 - Number(seconds)) > TOLERANCE_SECONDS)
    throw refuse(`the webhook was signed more than ${TOLERANCE_SECONDS} s ago, or in the future`)
  if (!timingSafeEqual(digest(secret, Number(seconds), rawBody), Buffer.from(signature, 'hex')))
    throw refuse('the webhook signature does not match the body')
}

function digest(secret: string, seconds: number, body: string | Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${seconds}.`).update(body).digest()
}

function refuse(message: string): CallerError {
  return new CallerError('UNAUTHENTICATED', message)
}
