// Admission control: decides whether an operation may run now, by its estimated cost, its client's rate limit and the load.
import type { ExecutionError } from '#gateway/executor/execution.ts'
import { countRefusal } from '#gateway/observe/refusals.ts'
import {
  type Extensions,
  type FormatError,
  type GatewayResponse,
  refuse,
} from '#gateway/pipeline/response.ts'
import type { CostEstimate } from '#gateway/safety/cost/estimate.ts'
import type { RateLimitedClient } from '#gateway/safety/rate-limit/client-key.ts'
import { type ChargeResult, MIN_COST, type RateLimit } from '#gateway/safety/rate-limit/rate-limit.ts'
import type { CostSettings } from '#gateway/safety/settings.ts'
import { CALLER_CODES, CallerError } from '#platform/domain/errors.ts'
import { retryAfterOf } from '#platform/http/errors.ts'
import type { OverloadGuard, WorkKind } from '#platform/resilience/overload-guard.ts'

type Variables = Readonly<Record<string, unknown>>

type AdmissionRequest = {
  readonly estimate: () => CostEstimate
  /** The coerced variables. */
  readonly variables: Variables
}

type AdmissionDecision = {
  /** Why the operation may not run; undefined when it may. */
  readonly refusal: ExecutionError | undefined
  /** The HTTP status of a refusal for which the operation is not at fault. */
  readonly status?: number
  /** The `extensions` of the response. */
  readonly extensions?: Extensions
  /** HTTP headers of the response. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Undefined when the operation may run and nothing is reported. */
type Decision = Promise<AdmissionDecision | undefined> | AdmissionDecision | undefined
export type Admit = (request: AdmissionRequest) => Decision

export type Admission = {
  /** Operations of the gateway's own clients pass it, before they are read. */
  readonly guard: OverloadGuard
  admit(request: AdmissionRequest, client: RateLimitedClient): Decision
  /** Refuses a client that has nothing left, before its operation is read. */
  refuseExhausted(client: RateLimitedClient): AdmissionDecision | undefined
  /** Charges an operation that was refused before `admit` was called, since checking it was work. */
  chargeRefused(client: RateLimitedClient): Decision
}

type AdmissionOptions = {
  readonly cost: CostSettings
  /** Returns the limit that applies now; undefined where clients are not limited. */
  readonly rateLimit: () => RateLimit | undefined
  readonly guard: OverloadGuard
}

export function createAdmission({ cost, rateLimit, guard }: AdmissionOptions): Admission {
  return {
    guard,
    admit(request, client) {
      const limit = rateLimit()
      const decision = decideByCost(cost, request, client)
      if (decision?.refusal) countRefusal(decision.refusal)
      if (!limit) return decision
      const charged = limit.charge(
        client,
        decision?.refusal ? MIN_COST : request.estimate().cost(request.variables),
      )
      return charged instanceof Promise
        ? charged.then(one => combine(decision, one))
        : combine(decision, charged)
    },
    refuseExhausted(client) {
      const refused = rateLimit()?.refuse(client)
      return refused && combine(undefined, refused)
    },
    async chargeRefused(client) {
      const charged = await rateLimit()?.charge(client, MIN_COST)
      return charged && combine(undefined, charged)
    },
  }
}

type AdmissionCaller = {
  readonly client: RateLimitedClient
  /** A service that forwards an operation has a guard of its own: to refuse here what it has begun would waste its work. */
  readonly isForwarded: boolean
  readonly kind: WorkKind
  readonly format: FormatError
  readonly isAbandoned?: () => boolean
}
type RunAdmitted = (admit: Admit) => Promise<GatewayResponse>

/** Runs an operation under `admission`: `run` calls the function that it is given before it executes anything. */
export async function underAdmission(
  admission: Admission,
  { client, isForwarded, kind, format, isAbandoned }: AdmissionCaller,
  run: RunAdmitted,
): Promise<GatewayResponse> {
  const exhausted = admission.refuseExhausted(client)
  if (exhausted?.refusal) return refuse([exhausted.refusal], format, exhausted)
  const runOnce = () => runCharged(admission, { client }, run)
  if (isForwarded) return runOnce()
  try {
    return await admission.guard.run(kind, {
      run: runOnce,
      isServed: ({ outcome }) => outcome !== 'refused',
      ...(isAbandoned && { isAbandoned }),
    })
  } catch (error) {
    return refuseOverload(error, format)
  }
}

function refuseOverload(error: unknown, format: FormatError): GatewayResponse {
  const retryAfter = retryAfterOf(error)
  if (!(error instanceof CallerError) || retryAfter === undefined) throw error
  const refusal = { message: error.message, extensions: { ...error.details, code: error.code } }
  const headers = { 'retry-after': retryAfter }
  return refuse([refusal], format, { status: CALLER_CODES[error.code], headers })
}

async function runCharged(
  admission: Admission,
  { client }: Pick<AdmissionCaller, 'client'>,
  run: RunAdmitted,
): Promise<GatewayResponse> {
  let isCharged = false
  const response = await run(request => {
    isCharged = true
    return admission.admit(request, client)
  })
  if (isCharged) return response
  const charged = await admission.chargeRefused(client)
  return { ...response, ...(charged?.headers && { headers: charged.headers }) }
}

function decideByCost(
  cost: CostSettings,
  { estimate, variables }: AdmissionRequest,
  { headers }: RateLimitedClient,
): AdmissionDecision | undefined {
  const reported = cost.report === 'always' || (cost.report === 'on request' && 'graphql-cost' in headers)
  if (!reported && cost.maximum === undefined) return undefined
  const estimated = estimate().cost(variables)
  const refusal = refuseCost(cost, estimated, estimate().problems(variables))
  return { refusal, ...(reported && { extensions: { cost: { estimated, ...maximumOf(cost) } } }) }
}

function combine(
  byCost: AdmissionDecision | undefined,
  { refusal, headers }: ChargeResult,
): AdmissionDecision {
  if (byCost?.refusal || !refusal) return { refusal: undefined, ...byCost, headers }
  countRefusal(refusal)
  return { ...byCost, refusal, headers, status: CALLER_CODES.RATE_LIMITED }
}

function maximumOf({ maximum }: CostSettings): { readonly maximum?: number } {
  return maximum === undefined ? {} : { maximum }
}

/** Without a maximum nothing is refused: lists require slicing arguments only to keep estimates accurate. */
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
