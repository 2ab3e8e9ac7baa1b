// Decides which fields of an operation its caller may see, before the operation is planned.
import type { FieldNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import { hold } from '#gateway/planner/normalization/collect-fields.ts'
import { type Claims, createGrants, meets } from '#gateway/safety/authorization/grants.ts'
import type { AuthorizationRules, RuleId } from '#gateway/safety/authorization/rules.ts'
import {
  filterOperation,
  requiredRules,
  type UnauthorizedField,
} from '#gateway/safety/authorization/unauthorized-fields.ts'
import { type AuthorizationSettings, DEFAULT_AUTHORIZATION } from '#gateway/safety/settings.ts'

type Variables = Readonly<Record<string, unknown>>

/** The fields that the caller may not see, as errors. */
export type UnauthorizedReport = {
  /** Says whether such a field makes the gateway refuse the whole operation. */
  readonly refuses: boolean
  /** Returns one error for each such field that `@skip` and `@include` leave in with these variables. */
  errors(variables: Variables): readonly ExecutionError[]
}

export type FilteredOperation = {
  /** The operation as it was sent; the response has null in place of `fields`. */
  readonly operation: OperationDefinitionNode
  readonly fields: ReadonlySet<FieldNode>
  /** The operation that is fetched; undefined when nothing is left to fetch. */
  readonly planned: OperationDefinitionNode | undefined
  readonly report: UnauthorizedReport
}

/** The authorization of one operation to which rules apply. */
export type OperationAuthorization = {
  /** Returns the rules that the caller does not meet. Callers with the same ones see the same part of the operation. */
  unmet(claims: Claims | undefined): readonly RuleId[]
  /** Returns what is left for callers who do not meet the rules `unmet`. */
  filter(unmet: readonly RuleId[]): FilteredOperation
}

/** Returns undefined for an operation to which no rule applies. */
type Authorizer = (
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
) => OperationAuthorization | undefined

/** The most errors that one operation reports. */
const MAX_REPORTED = 100
export const NO_FIELDS: ReadonlySet<FieldNode> = new Set()

export function createAuthorizer(options: {
  readonly schema: GraphQLSchema
  readonly rules: AuthorizationRules
  readonly settings?: AuthorizationSettings
}): Authorizer {
  const { schema, rules, settings = DEFAULT_AUTHORIZATION } = options
  if (rules.rules.length === 0) return () => undefined
  const grantsOf = createGrants(settings)
  return (operation, fragments) => {
    const input = { schema, rules, operation, fragments }
    const required = requiredRules(input)
    if (required.length === 0) return undefined
    return {
      unmet(claims) {
        const grants = grantsOf(claims)
        return required.filter(id => {
          const rule = rules.rules[id]
          return rule !== undefined && !meets(rule, grants)
        })
      },
      filter(unmet) {
        const denied = new Set(unmet)
        const { reports, ...left } = filterOperation(input, rule => denied.has(rule))
        return {
          ...left,
          report: {
            refuses: settings.mode === 'reject',
            errors: variables => reportErrors(reports, variables),
          },
        }
      },
    }
  }
}

/** Uses the message and the code of Apollo's router, which clients know. */
function reportErrors(
  reports: readonly UnauthorizedField[],
  variables: Variables,
): readonly ExecutionError[] {
  const errors = new Map<string, ExecutionError>()
  for (const { path, conditions } of reports) {
    if (errors.size >= MAX_REPORTED) break
    if (!hold(conditions, variables)) continue
    errors.set(path.join('.'), {
      message: 'Unauthorized field or type',
      path: [...path],
      extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' },
    })
  }
  return [...errors.values()]
}
