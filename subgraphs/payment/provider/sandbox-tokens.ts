// What the sandbox provider does with a token. Pure.

export type Verdict =
  | { readonly outcome: 'approved' }
  | { readonly outcome: 'declined'; readonly code: string; readonly retryable: boolean }
  /** Answered `pending`; a notice follows, unless it is never approved. */
  | { readonly outcome: 'pending'; readonly approval: 'approved' | 'declined' | 'never' }

/** `answer-lost` takes effect, but nobody hears of it; `down` and the first call of `fails-once` have no effect. */
export type Fault = 'none' | 'answer-lost' | 'down' | 'fails-once'

export type Scenario = { readonly verdict: Verdict; readonly fault: Fault }

const APPROVED: Verdict = { outcome: 'approved' }

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
 * The test cards above; `vch_…` is a voucher, which covers any amount unless its token ends in its worth in minor
 * units (`vch_spring_5000`); `slip_…` is a bank slip, approved later. Anything else is declined as unknown_token.
 */
export function scenarioOf(token: string, minor: number): Scenario {
  if (Object.hasOwn(SCENARIOS, token)) return SCENARIOS[token] ?? calm(declined('unknown_token'))
  if (token.startsWith('slip_')) return calm({ outcome: 'pending', approval: 'approved' })
  if (!token.startsWith('vch_')) return calm(declined('unknown_token'))
  const worth = /_(\d{1,12})$/.exec(token)?.[1]
  return calm(worth !== undefined && Number(worth) < minor ? declined('voucher_too_small') : APPROVED)
}

function calm(verdict: Verdict): Scenario {
  return { verdict, fault: 'none' }
}

function declined(code: string): Verdict {
  return { outcome: 'declined', code, retryable: false }
}
