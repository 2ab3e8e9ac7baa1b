// Whether an operation may be run now, by what it costs and what its client has left. Free of how it came and of what runs it.

import type { ExecutionError } from '#gateway/executor/execution.ts'
import { countRefusal } from '#gateway/observe/refusals.ts'
import {
  type Extensions,
  type FormatError,
  type GatewayResponse,
  refuse,
} from '#gateway/pipeline/response.ts'
import type { CostEstimate } from '#gateway/safety/cost/estimate.ts'
import type { CostSettings } from '#gateway/safety/cost/settings.ts'
import type { RateLimitedClient } from '#gateway/safety/rate-limit/client-key.ts'
import { type ChargeResult, MIN_COST, type RateLimit } from '#gateway/safety/rate-limit/rate-limit.ts'
import { CALLER_CODES } from '#platform/domain/errors.ts'

type Variables = Readonly<Record<string, unknown>>

export type AdmissionRequest = {
  readonly estimate: () => CostEstimate
  /** Coerced. */
  readonly variables: Variables
}

export type AdmissionDecision = {
  /** Why it may not be run; undefined when it may. */
  readonly refusal: ExecutionError | undefined
  /** The HTTP status of a refusal that is no fault of the operation. */
  readonly status?: number
  /** Goes into the answer. */
  readonly extensions?: Extensions
  /** Go with the answer. */
  readonly headers?: Readonly<Record<string, string>>
}

type Verdict = Promise<AdmissionDecision | undefined> | AdmissionDecision | undefined
/** Undefined when the operation may be run and there is nothing to tell. */
export type Admit = (applicant: AdmissionRequest) => Verdict

export type Admission = {
  admit(applicant: AdmissionRequest, client: RateLimitedClient): Verdict
  /** Undefined where clients may ask for as much as they like. */
  readonly limit: ClientLimit | undefined
}

export type ClientLimit = {
  /** Refuses a client that has nothing left, before its operation is looked at. */
  refuseExhausted(client: RateLimitedClient): AdmissionDecision | undefined
  /** Charges an operation that was refused before `admit` was asked: it made work, too. */
  chargeRefused(client: RateLimitedClient): Verdict
}

/** Undefined for settings by which everything may be run and nothing is told. */
export function createAdmission(cost: CostSettings, rateLimit: RateLimit | undefined): Admission | undefined {
  if (cost.maximum === undefined && cost.report === 'never' && !rateLimit) return undefined
  return {
    admit(applicant, client) {
      const judged = judge(cost, applicant, client)
      if (judged?.refusal) countRefusal(judged.refusal)
      if (!rateLimit) return judged
      const charged = rateLimit.charge(
        client,
        judged?.refusal ? MIN_COST : applicant.estimate().cost(applicant.variables),
      )
      return charged instanceof Promise ? charged.then(one => both(judged, one)) : both(judged, charged)
    },
    limit: rateLimit && limitBy(rateLimit),
  }
}

/** The same by a rate limit that changes while operations are admitted. */
export function createLiveAdmission(cost: CostSettings, current: () => RateLimit | undefined): Admission {
  let rateLimit = current()
  let admission = createAdmission(cost, rateLimit)
  const now = () => {
    const next = current()
    if (next !== rateLimit) admission = createAdmission(cost, next)
    rateLimit = next
    return admission
  }
  return {
    admit: (applicant, client) => now()?.admit(applicant, client),
    get limit() {
      return now()?.limit
    },
  }
}

function limitBy(rateLimit: RateLimit): ClientLimit {
  return {
    refuseExhausted(client) {
      const refused = rateLimit.refuse(client)
      return refused && both(undefined, refused)
    },
    async chargeRefused(client) {
      return both(undefined, await rateLimit.charge(client, MIN_COST))
    },
  }
}

/** Runs an operation under `admission`: `run` asks what it is given before it executes anything. */
export function underAdmission(
  { admit, limit }: Admission,
  asking: Asking,
  run: (admit: Admit) => Promise<GatewayResponse>,
): Promise<GatewayResponse> {
  const admitting: Admit = applicant => admit(applicant, asking.client)
  return limit ? underLimit(limit, asking, admitting, run) : run(admitting)
}

type Asking = { readonly client: RateLimitedClient; readonly format: FormatError }

async function underLimit(
  limit: ClientLimit,
  { client, format }: Asking,
  admit: Admit,
  run: (admit: Admit) => Promise<GatewayResponse>,
): Promise<GatewayResponse> {
  const turnedAway = limit.refuseExhausted(client)
  if (turnedAway?.refusal) return refuse([turnedAway.refusal], format, turnedAway)
  let asked = false
  const answer = await run(applicant => {
    asked = true
    return admit(applicant)
  })
  if (asked) return answer
  const charged = await limit.chargeRefused(client)
  return { ...answer, ...(charged?.headers && { headers: charged.headers }) }
}

function judge(
  cost: CostSettings,
  { estimate, variables }: AdmissionRequest,
  { headers }: RateLimitedClient,
): AdmissionDecision | undefined {
  const told = cost.report === 'always' || (cost.report === 'on request' && 'graphql-cost' in headers)
  if (!told && cost.maximum === undefined) return undefined
  const estimated = estimate().cost(variables)
  const refusal = refuseCost(cost, estimated, estimate().problems(variables))
  return { refusal, ...(told && { extensions: { cost: { estimated, ...maximumOf(cost) } } }) }
}

function both(judged: AdmissionDecision | undefined, { refusal, headers }: ChargeResult): AdmissionDecision {
  if (judged?.refusal || !refusal) return { refusal: undefined, ...judged, headers }
  countRefusal(refusal)
  return { ...judged, refusal, headers, status: CALLER_CODES.RATE_LIMITED }
}

function maximumOf({ maximum }: CostSettings): { readonly maximum?: number } {
  return maximum === undefined ? {} : { maximum }
}

/** Without a maximum nothing is refused: what a list demands is there to keep estimates true. */
function refuseCost(
  { maximum }: CostSettings,
  estimated: number,
  problems: readonly string[],
): ExecutionError | undefined {
  if (maximum === undefined) return undefined
  const [problem] = problems
  if (problem !== undefined) return { message: `${problem}.`, extensions: { code: 'BAD_USER_INPUT' } }
  if (estimated <= maximum) return undefined
  return {
    message: `The operation may cost ${estimated}; at most ${maximum} is allowed.`,
    extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', estimated, maximum },
  }
}
