// Carries on with payments that nobody is waiting for: what a crash, or a provider that was away, left unfinished.

import type { Collection } from '#platform/read-models/read-models.ts'
import { createWakeSignal } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import type { PaymentDoc } from '../queries/views.ts'
import type { Payments } from './payments.ts'

/** Between two sweeps; also how long a payment is left to the command that is busy with it. */
const SWEEP_MS = 10_000
const PAGE = 50
const SIDE_BY_SIDE = 4

export type SweepOptions = {
  readonly payments: Payments
  readonly unfinished: Pick<Collection<PaymentDoc>, 'find'>
  readonly now: () => Date
  readonly logger: Logger
}

/**
 * Sweeps at once, then again and again until disposed. Several processes may sweep the same payments: the provider's
 * idempotency keys make that harmless.
 */
export function startSweeping(options: SweepOptions): AsyncDisposable {
  const wakeSignal = createWakeSignal()
  const state = { stopped: false }
  const run = async (): Promise<void> => {
    let before = options.now()
    while (!state.stopped) {
      await sweep(options, before, state).catch(err =>
        options.logger.warn({ err }, 'unfinished payments could not be looked up; they are looked up again'),
      )
      if (!state.stopped) await wakeSignal.wait(SWEEP_MS)
      before = new Date(options.now().getTime() - SWEEP_MS)
    }
  }
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      state.stopped = true
      wakeSignal.notify()
      await running
    },
  }
}

async function sweep(
  { payments, unfinished, logger }: SweepOptions,
  before: Date,
  state: { readonly stopped: boolean },
): Promise<void> {
  let after: string | undefined
  do {
    const page = await unfinished.find({
      where: [{ path: 'unfinishedSince', from: '', to: before.toISOString() }],
      orderBy: { path: 'unfinishedSince' },
      limit: PAGE,
      ...(after !== undefined && { after }),
    })
    const ids = page.items.map(({ id }) => id)
    const carryOn = async (): Promise<void> => {
      for (let id = ids.shift(); id !== undefined && !state.stopped; id = ids.shift()) {
        const meta = { actor: 'service:payment', correlationId: id }
        await payments
          .carryOn(id, meta)
          .catch(err => logger.warn({ err, paymentId: id }, 'a payment could not be carried on with'))
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, carryOn))
    after = page.hasNext ? page.items.at(-1)?.cursor : undefined
  } while (after !== undefined && !state.stopped)
}
