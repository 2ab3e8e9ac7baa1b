// Stands between an operation and its plan: which of its fields a caller may not see, by the rules alone. Free of requests.
import type { FieldNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import { type Claims, createGrants, meets } from '#gateway/safety/authorization/grants.ts'
import type { AuthorizationRules, RuleId } from '#gateway/safety/authorization/rules.ts'
import { type AuthorizationSettings, DEFAULT_AUTHORIZATION } from '#gateway/safety/authorization/settings.ts'
import { demandsOf, type Withheld, withhold } from '#gateway/safety/authorization/unauthorized-fields.ts'

type Variables = Readonly<Record<string, unknown>>

/** What a caller is told of fields that it may not see. */
export type WithheldReport = {
  /** Whether they make the gateway refuse the whole operation. */
  readonly refuses: boolean
  /** One error for each field that `variables` leave in; none when they leave none in. */
  errors(variables: Variables): readonly ExecutionError[]
}

export type Permitted = {
  /** What was asked; its answer is null in place of `fields`, and without what is selected of them. */
  readonly operation: OperationDefinitionNode
  readonly fields: ReadonlySet<FieldNode>
  /** What is fetched; undefined when there is nothing to. */
  readonly planned: OperationDefinitionNode | undefined
  readonly report: WithheldReport
}

/** Of one operation that is under rules. */
export type Guard = {
  /** The rules that the caller does not meet. Callers of equal ones may see the same of the operation. */
  unmet(claims: Claims | undefined): readonly RuleId[]
  /** What is left for callers who do not meet `unmet`. */
  permit(unmet: readonly RuleId[]): Permitted
}

export type CreateGuard = (
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
) => Guard | undefined

/** Errors of one operation, at most. */
const MAX_REPORTED = 100
export const NOTHING_WITHHELD: ReadonlySet<FieldNode> = new Set()

/** The guard of an operation is undefined when nothing in it is under a rule. */
export function createGuards(options: {
  readonly schema: GraphQLSchema
  readonly rules: AuthorizationRules
  readonly settings?: AuthorizationSettings
}): CreateGuard {
  const { schema, rules, settings = DEFAULT_AUTHORIZATION } = options
  if (rules.rules.length === 0) return () => undefined
  const grantsOf = createGrants(settings)
  return (operation, fragments) => {
    const asked = { schema, rules, operation, fragments }
    const demands = demandsOf(asked)
    if (demands.length === 0) return undefined
    return {
      unmet(claims) {
        const grants = grantsOf(claims)
        return demands.filter(id => {
          const rule = rules.rules[id]
          return rule !== undefined && !meets(rule, grants)
        })
      },
      permit(unmet) {
        const denied = new Set(unmet)
        const { reports, ...left } = withhold(asked, rule => denied.has(rule))
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
function reportErrors(reports: readonly Withheld[], variables: Variables): readonly ExecutionError[] {
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
