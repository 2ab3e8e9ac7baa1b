// Resumes payments that a crash or an outage of the provider left unfinished.
import { findAll } from '#platform/read-models/find-all.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import type { Payments } from '#subgraphs/payment/commands/payments.ts'
import type { PaymentDoc } from '#subgraphs/payment/queries/views.ts'

/** Between two sweeps; also how long a payment is left to the command that is busy with it. */
const SWEEP_MS = 30_000
const PAGE = 50
const CONCURRENCY = 4

type SweepDependencies = {
  readonly payments: Payments
  readonly unfinished: Pick<Collection<PaymentDoc>, 'find'>
  readonly now: () => Date
  readonly logger: Logger
}

/**
 * Sweeps at once, and then again and again until disposed. The first sweep takes up all that an earlier process left.
 * Several processes may sweep the same payments: the provider's idempotency keys make that harmless.
 */
export function startRecoverySweep(dependencies: SweepDependencies): AsyncDisposable {
  const { now, logger } = dependencies
  let graceMs = 0
  return startPeriodicTask({
    everyMs: SWEEP_MS,
    async run(signal) {
      const before = new Date(now().getTime() - graceMs)
      graceMs = SWEEP_MS
      await sweep(dependencies, before, signal)
    },
    onError: err =>
      logger.warn({ err }, 'looking up unfinished payments failed, they are looked up again in 30 s'),
  })
}

async function sweep(
  { payments, unfinished, logger }: SweepDependencies,
  before: Date,
  signal: AbortSignal,
): Promise<void> {
  const found = findAll(unfinished, {
    where: [{ path: 'unfinishedSince', from: '', to: before.toISOString() }],
    orderBy: { path: 'unfinishedSince' },
    limit: PAGE,
  })
  const resumeNext = async () => {
    for await (const { id } of found) {
      if (signal.aborted) return
      const meta = { actor: 'service:payment', correlationId: id }
      await payments
        .resume(id, meta)
        .catch(err =>
          logger.warn({ err, paymentId: id }, 'resuming a payment failed, the next sweep tries again'),
        )
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, resumeNext))
}
