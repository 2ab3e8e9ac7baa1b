// Opens the saga runner that WORKFLOW_URL names: on the event store, or on Temporal, whose packages are loaded only then.
import { OperatorError } from '#platform/domain/errors.ts'
import type { NamedCheck } from '#platform/resilience/health.ts'
import { type SagaRunnerOptions, startSagaRunner } from '#platform/saga/runner.ts'
import type { SagaEvent, SagaRunner } from '#platform/saga/saga.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** A runner with the check that `/health/ready` reports. */
export type OpenSagaRunner<Event extends SagaEvent> = SagaRunner<Event> & { readonly health: NamedCheck }

/**
 * `workflowUrl` is `temporal://…` or nothing. Throws OperatorError WORKFLOW_URL_UNKNOWN for another kind of URL,
 * TEMPORAL_NOT_INSTALLED without Temporal's packages, and what opening the runner throws.
 */
export async function openSagaRunner<State, Event extends SagaEvent>(
  options: Omit<SagaRunnerOptions<State, Event>, 'logger'> & {
    readonly workflowUrl?: string | undefined
    readonly logger: Pick<Logger, 'warn' | 'error'>
  },
): Promise<OpenSagaRunner<Event>> {
  const { workflowUrl: url, ...rest } = options
  if (url === undefined) return openStoreRunner(rest)
  const protocol = url.slice(0, url.indexOf(':') + 1)
  if (protocol !== 'temporal:')
    throw new OperatorError(
      'WORKFLOW_URL_UNKNOWN',
      `WORKFLOW_URL: workflows run on temporal://, not on "${protocol}//"`,
    )
  const { startTemporalSagaRunner } = await loadTemporal()
  return startTemporalSagaRunner({ ...rest, url })
}

async function openStoreRunner<State, Event extends SagaEvent>(
  options: SagaRunnerOptions<State, Event>,
): Promise<OpenSagaRunner<Event>> {
  const runner = await startSagaRunner(options)
  const check = async () => {
    const { owner, deadLetters } = runner.consumer.status()
    return {
      ok: deadLetters === 0,
      detail: `${owner ? 'owner' : 'standing by'}; ${deadLetters} dead letters`,
    }
  }
  return { ...runner, health: { check, essential: false } }
}

async function loadTemporal() {
  try {
    return await import('#platform/saga/temporal/runner.ts')
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    const message = 'WORKFLOW_URL asks for Temporal, and its packages are not here: npm run install:temporal'
    throw new OperatorError('TEMPORAL_NOT_INSTALLED', message, cause)
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes('@temporalio')
  )
}
