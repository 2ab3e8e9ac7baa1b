// Whether an operation that is ready may be run now, by what it costs. Free of how it came and of what runs it.
import type { IncomingHttpHeaders } from 'node:http'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { CostEstimate } from '#gateway/safety/cost/estimate.ts'
import type { CostSettings } from '#gateway/safety/cost/settings.ts'

type Variables = Readonly<Record<string, unknown>>

export type Applicant = {
  readonly estimate: () => CostEstimate
  /** Coerced. */
  readonly variables: Variables
}

/** Who sends it: of the request, or of the connection. */
export type Requester = { readonly headers: IncomingHttpHeaders }

export type Admitted = {
  /** Why it may not be run; undefined when it may. */
  readonly refusal: ExecutionError | undefined
  /** The HTTP status of a refusal that is no fault of the operation. */
  readonly status?: number
  /** Goes into the answer. */
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** Undefined when the operation may be run and there is nothing to tell. */
export type Admit = (
  applicant: Applicant,
  requester: Requester,
) => Promise<Admitted | undefined> | Admitted | undefined

/** Undefined for settings by which everything may be run and nothing is told. */
export function createAdmission({ cost }: { readonly cost: CostSettings }): Admit | undefined {
  if (cost.maximum === undefined && cost.report === 'never') return undefined
  return ({ estimate, variables }, { headers }) => {
    const told = cost.report === 'always' || (cost.report === 'on request' && 'graphql-cost' in headers)
    if (!told && cost.maximum === undefined) return undefined
    const estimated = estimate().cost(variables)
    const refusal = refuseCost(cost, estimated, estimate().problems(variables))
    return { refusal, ...(told && { extensions: { cost: { estimated, ...maximumOf(cost) } } }) }
  }
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
