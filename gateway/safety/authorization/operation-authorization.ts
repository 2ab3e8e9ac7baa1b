// Stands between an operation and its plan: which of its fields a caller may not see, by the rules alone. Free of requests.
import type { FieldNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import { type Claims, createGrants, meets } from '#gateway/safety/authorization/grants.ts'
import type { AuthorizationRules, RuleId } from '#gateway/safety/authorization/rules.ts'
import { type AuthorizationSettings, DEFAULT_AUTHORIZATION } from '#gateway/safety/authorization/settings.ts'
import {
  filterOperation,
  requiredRules,
  type UnauthorizedField,
} from '#gateway/safety/authorization/unauthorized-fields.ts'

type Variables = Readonly<Record<string, unknown>>

/** What a caller is told of fields that it may not see. */
export type UnauthorizedReport = {
  /** Whether they make the gateway refuse the whole operation. */
  readonly refuses: boolean
  /** One error for each field that `variables` leave in; none when they leave none in. */
  errors(variables: Variables): readonly ExecutionError[]
}

export type FilteredOperation = {
  /** What was asked; its answer is null in place of `fields`, and without what is selected of them. */
  readonly operation: OperationDefinitionNode
  readonly fields: ReadonlySet<FieldNode>
  /** What is fetched; undefined when there is nothing to. */
  readonly planned: OperationDefinitionNode | undefined
  readonly report: UnauthorizedReport
}

/** Of one operation that is under rules. */
export type OperationAuthorization = {
  /** The rules that the caller does not meet. Callers of equal ones may see the same of the operation. */
  unmet(claims: Claims | undefined): readonly RuleId[]
  /** What is left for callers who do not meet `unmet`. */
  filter(unmet: readonly RuleId[]): FilteredOperation
}

export type Authorizer = (
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
) => OperationAuthorization | undefined

/** Errors of one operation, at most. */
const MAX_REPORTED = 100
export const NO_FIELDS: ReadonlySet<FieldNode> = new Set()

/** The guard of an operation is undefined when nothing in it is under a rule. */
export function createAuthorizer(options: {
  readonly schema: GraphQLSchema
  readonly rules: AuthorizationRules
  readonly settings?: AuthorizationSettings
}): Authorizer {
  const { schema, rules, settings = DEFAULT_AUTHORIZATION } = options
  if (rules.rules.length === 0) return () => undefined
  const grantsOf = createGrants(settings)
  return (operation, fragments) => {
    const asked = { schema, rules, operation, fragments }
    const demands = requiredRules(asked)
    if (demands.length === 0) return undefined
    return {
      unmet(claims) {
        const grants = grantsOf(claims)
        return demands.filter(id => {
          const rule = rules.rules[id]
          return rule !== undefined && !meets(rule, grants)
        })
      },
      filter(unmet) {
        const denied = new Set(unmet)
        const { reports, ...left } = filterOperation(asked, rule => denied.has(rule))
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

/** In the words and with the code of Apollo's router, which clients know. */
function reportErrors(
  reports: readonly UnauthorizedField[],
  variables: Variables,
): readonly ExecutionError[] {
  const errors = new Map<string, ExecutionError>()
  for (const { path, conditions } of reports) {
    if (errors.size >= MAX_REPORTED) break
    if (!conditions.every(({ variable, wanted }) => (variables[variable] === true) === wanted)) continue
    errors.set(path.join('.'), {
      message: 'Unauthorized field or type',
      path: [...path],
      extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' },
    })
  }
  return [...errors.values()]
}
