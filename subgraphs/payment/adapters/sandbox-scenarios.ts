// Maps the sandbox provider's test tokens to their scenarios.

type Verdict =
  | { readonly outcome: 'approved' }
  | { readonly outcome: 'declined'; readonly code: string; readonly retryable: boolean }
  /** The response is `pending`; a notice follows, unless it is never approved. */
  | { readonly outcome: 'pending'; readonly approval: 'approved' | 'declined' | 'never' }

/** `answer-lost` takes effect, but its response is lost; `down` and the first call of `fails-once` have no effect. */
type Fault = 'none' | 'answer-lost' | 'down' | 'fails-once'

/**
 * One response that differs from the request: declined with a code, a share of the amount (0.5 is half of it), or
 * another currency.
 */
type Turn =
  | { readonly code: string; readonly retryable: boolean }
  | { readonly share: number }
  | { readonly currency: string }

/** The responses to the first, second … call of a kind for one payment; later calls are carried out as requested. */
export type Script = Readonly<
  Partial<Record<'authorise' | 'capture' | 'refund' | 'void', readonly (Turn | null)[]>>
>

/** `expiresInMs` is the time from the authorisation to its expiry. */
type Scenario = {
  readonly verdict: Verdict
  readonly fault: Fault
  readonly script?: Script
  readonly expiresInMs?: number
}

const APPROVED: Verdict = { outcome: 'approved' }
const DECLINED = { code: 'declined', retryable: false }
const TOO_BUSY = { code: 'try_again_later', retryable: true }
const EXPIRED = { code: 'authorisation_expired', retryable: false }

/** Tokens that are approved at first. A number at the end, such as tok_capture_declined_3, repeats the response so often. */
const SCRIPTS: Readonly<Record<string, (times: number) => Script>> = {
  tok_authorise_less: times => ({ authorise: repeated({ share: 0.5 }, times) }),
  tok_authorise_more: times => ({ authorise: repeated({ share: 2 }, times) }),
  tok_authorise_currency: times => ({ authorise: repeated({ currency: 'CHF' }, times) }),
  tok_capture_declined: times => ({ capture: repeated(DECLINED, times) }),
  tok_capture_retryable: times => ({ capture: repeated(TOO_BUSY, times) }),
  tok_capture_expired: times => ({ capture: repeated(EXPIRED, times) }),
  tok_capture_partial: times => ({ capture: repeated({ share: 0.5 }, times) }),
  tok_capture_excess: times => ({ capture: repeated({ share: 1.5 }, times) }),
  tok_capture_currency: times => ({ capture: repeated({ currency: 'CHF' }, times) }),
  tok_reauthorise_declined: times => ({
    capture: repeated(EXPIRED, times),
    authorise: [null, ...repeated({ code: 'insufficient_funds', retryable: true }, times)],
  }),
  tok_refund_declined: times => ({ refund: repeated(DECLINED, times) }),
  tok_refund_retryable: times => ({ refund: repeated(TOO_BUSY, times) }),
  tok_refund_partial: times => ({ refund: repeated({ share: 0.5 }, times) }),
  tok_refund_excess: times => ({ refund: repeated({ share: 1.5 }, times) }),
  tok_void_declined: times => ({ void: repeated(DECLINED, times) }),
  tok_void_expired: times => ({ void: repeated(EXPIRED, times) }),
  tok_void_captured: times => ({ void: repeated({ code: 'already_captured', retryable: false }, times) }),
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  tok_approve: calm(APPROVED),
  tok_decline: calm(declined('card_declined')),
  tok_insufficient_funds: calm({ outcome: 'declined', code: 'insufficient_funds', retryable: true }),
  tok_approval: calm({ outcome: 'pending', approval: 'approved' }),
  tok_approval_declined: calm({ outcome: 'pending', approval: 'declined' }),
  tok_approval_never: calm({ outcome: 'pending', approval: 'never' }),
  tok_timeout: { verdict: APPROVED, fault: 'answer-lost' },
  tok_fail_once: { verdict: APPROVED, fault: 'fails-once' },
  tok_down: { verdict: APPROVED, fault: 'down' },
}

/**
 * The test cards above; `tok_expires_30` is an authorisation that ends after 30 seconds; `vch_…` is a voucher, which covers any amount unless its token ends in its worth in minor
 * units (`vch_spring_5000`); `slip_…` is a bank slip, approved later. Anything else is declined as unknown_token.
 */
export function scenarioOf(token: string, minor: number): Scenario {
  if (Object.hasOwn(SCENARIOS, token)) return SCENARIOS[token] ?? calm(declined('unknown_token'))
  const later = scripted(token) ?? expiring(token)
  if (later) return { verdict: APPROVED, fault: 'none', ...later }
  if (token.startsWith('slip_')) return calm({ outcome: 'pending', approval: 'approved' })
  if (!token.startsWith('vch_')) return calm(declined('unknown_token'))
  const worth = /_(\d{1,12})$/.exec(token)?.[1]
  return calm(worth !== undefined && Number(worth) < minor ? declined('voucher_too_small') : APPROVED)
}

function scripted(token: string): { readonly script: Script } | undefined {
  const [, name = '', times = '1'] = /^(.*?)(?:_(\d{1,2}))?$/.exec(token) ?? []
  return Object.hasOwn(SCRIPTS, name) ? { script: SCRIPTS[name]?.(Number(times)) ?? {} } : undefined
}

function expiring(token: string): { readonly expiresInMs: number } | undefined {
  if (!token.startsWith('tok_expires_')) return undefined
  const seconds = /_(\d{1,7})$/.exec(token)?.[1]
  return seconds === undefined ? undefined : { expiresInMs: Number(seconds) * 1_000 }
}

function repeated<T>(turn: T, times: number): T[] {
  return Array.from({ length: times }, () => turn)
}

function calm(verdict: Verdict): Scenario {
  return { verdict, fault: 'none' }
}

function declined(code: string): Verdict {
  return { outcome: 'declined', code, retryable: false }
}
