import fc from 'fast-check'
import {
  type FieldNode,
  Kind,
  NoUnusedVariablesRule,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  specifiedRules,
  validate,
  visit,
} from 'graphql'
import { expect, test } from 'vitest'
import { createAuthorizer } from '#gateway/safety/authorization/operation-authorization.ts'
import { readSupergraph } from '#gateway/supergraph/supergraph.ts'
import { clinicSupergraph } from '../safety-fixture.ts'
import { randomOperations } from './random-operations.ts'

const { schema, authorization } = await readSupergraph(clinicSupergraph())
const guardOf = createAuthorizer({ schema, rules: authorization })
const NO_FRAGMENTS = new Map()

const operations = randomOperations(schema)

const claims = fc.option(
  fc.record({
    scope: fc.subarray(['books', 'read', 'billing']).map(scopes => scopes.join(' ')),
    policies: fc.subarray(['vetted']),
  }),
  { nil: undefined },
)
const everything = { scope: 'books read billing', policies: ['vetted'] }

/** What the rules say, read off the SDL once more: independent of how operations are walked. */
function mayNotSee(given: { scope: string; policies: string[] } | undefined): ReadonlySet<string> {
  const scopes = given?.scope.split(' ') ?? []
  const both = scopes.includes('books') && scopes.includes('read')
  return new Set([
    ...(given ? [] : ['staffRoom', 'diagnosis', 'code', 'number', 'amount', 'latestBill']),
    ...(given && scopes.includes('billing') ? [] : ['bills']),
    ...(both ? [] : ['balance']),
    ...(given?.policies.includes('vetted') ? [] : ['secretId']),
  ])
}

function fieldsOf(operation: OperationDefinitionNode | undefined): string[] {
  const names: string[] = []
  if (operation) visit(operation, { Field: ({ name }: FieldNode) => void names.push(name.value) })
  return names
}

test('what is planned has nothing of what the caller may not see, and all of the rest', () => {
  fc.assert(
    fc.property(operations, claims, (operation, given) => {
      const guard = guardOf(operation, NO_FRAGMENTS)
      const forbidden = mayNotSee(given)
      const asked = fieldsOf(operation)
      if (!guard) {
        expect(asked.filter(name => mayNotSee(undefined).has(name))).toEqual([])
        return
      }
      const { planned, report } = guard.filter(guard.unmet(given))
      expect(fieldsOf(planned).filter(name => forbidden.has(name))).toEqual([])
      expect(report.errors({}).length > 0).toBe(asked.some(name => forbidden.has(name)))
      const free = keep(operation.selectionSet, forbidden)
      const left = fieldsOf(planned).filter(name => name !== '__typename')
      expect(left).toEqual(free)
    }),
    { numRuns: 300 },
  )
})

/** Fields that are left, in order, when whatever is below a forbidden one goes with it. */
function keep(set: SelectionSetNode, forbidden: ReadonlySet<string>): string[] {
  return set.selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    const inner = selection.selectionSet
    if (selection.kind === Kind.INLINE_FRAGMENT) return inner ? keep(inner, forbidden) : []
    const name = selection.name.value
    if (name === '__typename' || forbidden.has(name)) return []
    return [name, ...(inner ? keep(inner, forbidden) : [])]
  })
}

/** A variable that stood only in what is withheld is left over. */
const RULES = specifiedRules.filter(rule => rule !== NoUnusedVariablesRule)

test('what is planned is a valid operation', () => {
  fc.assert(
    fc.property(operations, claims, (operation, given) => {
      const guard = guardOf(operation, NO_FRAGMENTS)
      const planned = guard?.filter(guard.unmet(given)).planned
      if (planned) expect(validate(schema, parse(print(planned)), RULES)).toEqual([])
    }),
    { numRuns: 200 },
  )
})

test('callers who meet the same rules of an operation share what is prepared of it', () => {
  fc.assert(
    fc.property(operations, claims, claims, (operation, one, other) => {
      const guard = guardOf(operation, NO_FRAGMENTS)
      if (!guard) return
      const shared = guard.unmet(one).join() === guard.unmet(other).join()
      const planOf = (given: typeof one) => {
        const { planned } = guard.filter(guard.unmet(given))
        return planned && print(planned)
      }
      if (shared) expect(planOf(one)).toBe(planOf(other))
      expect(guard.unmet(everything)).toEqual([])
    }),
    { numRuns: 200 },
  )
})
