// Models a payment provider for tests: it keeps ledgers, gives each key one response, and follows a plan of outcomes.
import type { Money } from '#platform/domain/money.ts'
import { type Operation, operationKey } from '#subgraphs/payment/domain/outstanding.ts'
import type { ProviderResponse } from '#subgraphs/payment/domain/provider-responses.ts'

/** The outcome of the provider's next new call. */
export type Deed =
  | 'asked'
  | 'declined'
  | 'retryable'
  | 'expired'
  | 'less'
  | 'more'
  | 'pending'
  /** Done, but nobody hears of it, as after a crash: the same key brings the answer later. */
  | 'lost'
  /** The call has no effect and gets no response. */
  | 'down'

/** Minor units that were really moved for one tender. */
export type Ledger = {
  authorised: number
  captured: number
  refunded: number
  voided: number
  expired: boolean
}

export type ModelProvider = {
  readonly ledgers: ReadonlyMap<string, Ledger>
  /** Undefined when there is no answer. */
  ask(operation: Operation, deed: Deed): ProviderResponse | undefined
}

const DECLINED = { status: 'declined', code: 'declined', retryable: false } as const
const BUSY = { status: 'declined', code: 'try_again_later', retryable: true } as const
const EXPIRED = { status: 'declined', code: 'authorisation_expired', retryable: false } as const
const TOO_LARGE = { status: 'declined', code: 'amount_too_large', retryable: false } as const

export function createModelProvider(): ModelProvider {
  const ledgers = new Map<string, Ledger>()
  const answered = new Map<string, ProviderResponse>()
  const ledgerOf = (tenderId: string): Ledger => {
    const found = ledgers.get(tenderId) ?? {
      authorised: 0,
      captured: 0,
      refunded: 0,
      voided: 0,
      expired: false,
    }
    ledgers.set(tenderId, found)
    return found
  }
  return {
    ledgers,
    ask(operation, deed) {
      const key = operationKey('pay_1', operation)
      const known = answered.get(key)
      if (known) return deed === 'lost' || deed === 'down' ? undefined : known
      if (deed === 'down') return undefined
      const answer = carryOut(operation, deed, ledgerOf(operation.tenderId))
      answered.set(key, answer)
      return deed === 'lost' ? undefined : answer
    },
  }
}

function carryOut(operation: Operation, deed: Deed, ledger: Ledger): ProviderResponse {
  const { tenderId } = operation
  switch (operation.kind) {
    case 'authorise':
      return { to: 'authorise', tenderId, said: authorise(operation.amount, deed, ledger, tenderId) }
    case 'capture':
    case 'refund': {
      const { kind, moveId, amount } = operation
      const said = kind === 'capture' ? capture(amount, deed, ledger) : refund(amount, deed, ledger)
      return { to: kind, moveId, tenderId, ...attemptOf(operation), said }
    }
    case 'void':
    case 'void-late': {
      const about = { tenderId, ...attemptOf(operation), ...letGo(deed, ledger) }
      return operation.kind === 'void'
        ? { to: 'void', ...about }
        : { to: 'void-late', providerRef: operation.providerRef, ...about }
    }
  }
}

function authorise(amount: Money, deed: Deed, ledger: Ledger, tenderId: string) {
  const providerRef = `ref-${tenderId}`
  if (ledger.voided > 0) return DECLINED
  if (deed === 'pending') return { status: 'pending', providerRef } as const
  if (isRefusal(deed)) return refusalOf(deed)
  const minor = amount.minor + (deed === 'less' ? -1 : deed === 'more' ? 1 : 0)
  ledger.authorised += minor
  return { status: 'approved', providerRef, amount: { ...amount, minor } } as const
}

/** More than is held is never taken: that is refused. */
function capture(amount: Money, deed: Deed, ledger: Ledger) {
  const room = ledger.authorised - ledger.captured - ledger.voided
  if (deed === 'expired') {
    ledger.voided += room
    ledger.expired = true
    return EXPIRED
  }
  if (isRefusal(deed)) return refusalOf(deed)
  if (room < amount.minor) return TOO_LARGE
  const minor = changed(amount.minor, deed, room)
  ledger.captured += minor
  return { status: 'approved', amount: { ...amount, minor } } as const
}

function refund(amount: Money, deed: Deed, ledger: Ledger) {
  const room = ledger.captured - ledger.refunded
  if (isRefusal(deed)) return refusalOf(deed)
  if (room < amount.minor) return TOO_LARGE
  const minor = changed(amount.minor, deed, room)
  ledger.refunded += minor
  return { status: 'approved', amount: { ...amount, minor } } as const
}

function letGo(deed: Deed, ledger: Ledger) {
  if (deed === 'declined' || deed === 'retryable') {
    const { code, retryable } = refusalOf(deed)
    return { declined: { code, retryable } }
  }
  ledger.voided += ledger.authorised - ledger.captured - ledger.voided
  return deed === 'expired' ? { declined: { code: EXPIRED.code, retryable: false } } : {}
}

function changed(minor: number, deed: Deed, room: number): number {
  if (deed === 'less') return Math.floor(minor / 2)
  return deed === 'more' ? Math.min(minor + 3, room) : minor
}

function isRefusal(deed: Deed): deed is 'declined' | 'retryable' | 'expired' {
  return deed === 'declined' || deed === 'retryable' || deed === 'expired'
}

function refusalOf(deed: 'declined' | 'retryable' | 'expired') {
  return deed === 'declined' ? DECLINED : deed === 'retryable' ? BUSY : EXPIRED
}

function attemptOf(operation: Operation): { readonly attempt?: number } {
  return 'attempt' in operation && operation.attempt !== undefined ? { attempt: operation.attempt } : {}
}
