// Implements the sandbox payment provider: test tokens, durable idempotency keys, and notices as a real one sends them.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import type { Money } from '#platform/domain/money.ts'
import type { DeliverySettings, WebhookDelivery } from '#platform/webhooks/delivery.ts'
import type {
  AuthoriseCall,
  AuthoriseResponse,
  MoveCall,
  MoveResponse,
  PaymentProvider,
  ProviderCall,
} from './payment-provider.ts'
import { type Ledger, type LedgerRow, openLedger, type TenderSums } from './sandbox-ledger.postgres.ts'
import { createNotices } from './sandbox-notices.ts'
import { scenarioOf } from './sandbox-scenarios.ts'

export type SandboxProviderOptions = DeliverySettings & {
  readonly databaseUrl: string
  /** The time from a pending authorisation to the notice about it. */
  readonly approvalMs: number
}

/** It sends notices of approvals from `start` to `stop`; disposing stops it, too. */
export type SandboxProvider = PaymentProvider &
  Pick<WebhookDelivery, 'start' | 'stop'> & {
    /** Returns the amounts that really moved for a payment, by tender. */
    sums(reference: string): Promise<TenderSums[]>
  }

/** A call whose response is lost ends after this time, unless its caller gives up before. */
const SILENCE_MS = 60_000

type Sandbox = SandboxProviderOptions & Pick<WebhookDelivery, 'expect'> & { readonly ledger: Ledger }

/** Opens the sandbox. Its ledger is durable: a repeated call gets the same response from any process on the same database. */
export async function openSandboxProvider(options: SandboxProviderOptions): Promise<SandboxProvider> {
  const ledger = await openLedger(options.databaseUrl, options.logger)
  const { start, stop, expect } = createNotices({ ...options, ledger })
  const sandbox: Sandbox = { ...options, ledger, expect }
  return {
    authorise: (call, signal) => authorise(call, sandbox, signal),
    capture: call => move('capture', call, sandbox),
    refund: call => move('refund', call, sandbox),
    async void({ providerRef, ...call }) {
      const operation = { operation: 'void', minor: 0, currency: null, wanted: 'approved' } as const
      const row = await ledger.operate({
        ...named(call, sandbox),
        ...operation,
        ...(providerRef !== undefined && { onlyRef: providerRef }),
      })
      return row.status === 'declined' ? declined(row) : { status: 'approved' }
    },
    sums: reference => ledger.sums(reference),
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await ledger[Symbol.asyncDispose]()
    },
  }
}

async function authorise(
  call: AuthoriseCall,
  sandbox: Sandbox,
  signal?: AbortSignal,
): Promise<AuthoriseResponse> {
  const { verdict, fault, script, expiresInMs } = scenarioOf(call.token, call.amount.minor)
  if (fault === 'down') throw unavailable()
  const approval = verdict.outcome === 'pending' ? approvalOf(verdict.approval, sandbox) : undefined
  const row = await sandbox.ledger.operate({
    ...named(call, sandbox),
    ...call.amount,
    operation: 'authorise',
    letFail: fault === 'fails-once',
    wanted: verdict.outcome,
    ...(verdict.outcome === 'declined' && { code: verdict.code, retryable: verdict.retryable }),
    ...approval,
    token: call.token,
    ...(script && { script }),
    ...(expiresInMs !== undefined && { expiresAt: new Date(sandbox.now().getTime() + expiresInMs) }),
  })
  if (approval?.noticeAt) sandbox.expect(approval.noticeAt)
  if (row.status === 'failed') throw unavailable()
  if (fault === 'answer-lost') await silence(signal)
  return answerOf(row)
}

function approvalOf(approval: 'approved' | 'declined' | 'never', { now, approvalMs }: Sandbox) {
  return approval === 'never' ? { approval } : { approval, noticeAt: new Date(now().getTime() + approvalMs) }
}

async function move(
  operation: 'capture' | 'refund',
  call: MoveCall,
  sandbox: Sandbox,
): Promise<MoveResponse> {
  const row = await sandbox.ledger.operate({
    ...named(call, sandbox),
    ...call.amount,
    operation,
    wanted: 'approved',
  })
  return row.status === 'declined' ? declined(row) : { status: 'approved', ...moneyOf(row) }
}

/** Returns the first response, whatever happened to the authorisation since: `pending` for one that was pending. */
function answerOf(row: LedgerRow): AuthoriseResponse {
  const { providerRef } = row
  if (row.approval !== null) return { status: 'pending', providerRef }
  if (row.status === 'declined') return declined(row)
  const { expiresAt } = row
  return {
    status: 'approved',
    providerRef,
    ...moneyOf(row),
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
  }
}

function moneyOf({ minor, currency }: LedgerRow): { readonly amount?: Money } {
  return currency === null ? {} : { amount: { minor, currency } }
}

function declined({ code, retryable }: LedgerRow) {
  return { status: 'declined', code: code ?? 'declined', retryable: retryable ?? false } as const
}

function named({ idempotencyKey: key, reference, tenderId }: ProviderCall, { now }: Sandbox) {
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 20)
  return { key, reference, tenderId, providerRef: `sbx_${digest}`, at: now() }
}

function unavailable(): CallerError {
  return new CallerError('UNAVAILABLE', 'The payment provider does not answer. Try again.')
}

async function silence(signal: AbortSignal | undefined): Promise<never> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, SILENCE_MS)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  throw unavailable()
}
