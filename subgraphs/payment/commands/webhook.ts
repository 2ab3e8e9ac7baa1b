// Takes in the provider's notices: POST /webhooks/payment, signed, at least once. Free of rules about payments.
import { problemsInOneLine, validationMessage } from '#platform/config/validation-messages.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'
import { mountWebhook } from '#platform/webhooks/endpoint.ts'
import { noticeSchema, type ProviderNotice } from '../adapters/payment-provider.ts'
import type { Payments } from './payments.ts'

export const PAYMENT_WEBHOOK = '/webhooks/payment'

type PaymentWebhookOptions = {
  readonly payments: Pick<Payments, 'recordNotice'>
  /** The trace that the payment was requested in: the provider brings none. */
  readonly traceOf: (paymentId: string) => Promise<string | undefined>
  readonly secret: string
  readonly now: () => Date
}

/**
 * 204 once the notice is recorded, or found to change nothing; 401 for a wrong signature and 400 for a malformed body,
 * of which nothing is written; 503 while it cannot be recorded and should come again. A notice about a payment that is
 * not ours is done with: a payment is written before the provider hears of it, so that no later try can find it.
 */
export function mountPaymentWebhook(http: HttpServer, options: PaymentWebhookOptions): void {
  mountWebhook(http, {
    path: PAYMENT_WEBHOOK,
    secret: options.secret,
    now: options.now,
    async receive(body, { requestId }) {
      const notice = readNotice(body)
      const parent = await options.traceOf(notice.reference)
      try {
        await inSpan('payment notice', { parent, kind: 'consumer' }, () => {
          const trace = traceparent()
          const meta = {
            actor: 'service:payment-provider',
            correlationId: requestId,
            ...(trace !== undefined && { traceparent: trace }),
          }
          return options.payments.recordNotice(notice, meta)
        })
      } catch (err) {
        if (!isDoneWith(err)) throw err
        const about = { notice_id: notice.id, payment_id: notice.reference }
        http.logger.warn(
          { err, ...about },
          'a notice of the payment provider makes no sense; nothing is changed',
        )
      }
    },
  })
}

/** The payment is not ours, or the notice id was used for something else: sending it again changes neither. */
function isDoneWith(error: unknown): boolean {
  return error instanceof CallerError && (error.code === 'NOT_FOUND' || error.code === 'CONFLICT')
}

function readNotice(body: unknown): ProviderNotice {
  const parsed = noticeSchema.safeParse(body, { error: validationMessage })
  if (parsed.success) return parsed.data
  throw new CallerError('BAD_USER_INPUT', `the notice is malformed: ${problemsInOneLine(parsed.error)}`)
}
