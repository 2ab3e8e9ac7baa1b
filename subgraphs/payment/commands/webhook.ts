// Receives the provider's signed notices at POST /webhooks/payment and records them.
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
  /** Returns the trace in which the payment was requested; the provider's call brings none. */
  readonly traceOf: (paymentId: string) => Promise<string | undefined>
  readonly secret: string
  readonly now: () => Date
}

/**
 * Responds 204 once the notice is recorded, or changes nothing; 401 for a wrong signature and 400 for a malformed body,
 * without recording anything; 503 while it cannot be recorded and should be sent again. A notice about a payment that is
 * not ours gets 204: a payment is recorded before the first call to the provider, so no later try can find it.
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
        if (!isPermanent(err)) throw err
        const about = { notice_id: notice.id, payment_id: notice.reference }
        http.logger.warn(
          { err, ...about },
          'a notice of the payment provider cannot be applied, it is ignored',
        )
      }
    },
  })
}

/** True when sending the notice again cannot help: the payment is not ours, or the notice id was used before. */
function isPermanent(error: unknown): boolean {
  return error instanceof CallerError && (error.code === 'NOT_FOUND' || error.code === 'CONFLICT')
}

function readNotice(body: unknown): ProviderNotice {
  const parsed = noticeSchema.safeParse(body, { error: validationMessage })
  if (parsed.success) return parsed.data
  throw new CallerError('BAD_USER_INPUT', `the notice is malformed: ${problemsInOneLine(parsed.error)}`)
}
