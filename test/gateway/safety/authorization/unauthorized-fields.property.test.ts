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

/** Reads the rules from the SDL again, independently of how operations are walked. */
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

test('the planned operation has every field that the caller may see, and no other', () => {
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

/** Returns the remaining fields, in order, without those below a forbidden one. */
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

/** All rules but the one against unused variables: a variable may have appeared only in withheld fields. */
const RULES = specifiedRules.filter(rule => rule !== NoUnusedVariablesRule)

test('the planned operation is valid', () => {
  fc.assert(
    fc.property(operations, claims, (operation, given) => {
      const guard = guardOf(operation, NO_FRAGMENTS)
      const planned = guard?.filter(guard.unmet(given)).planned
      if (planned) expect(validate(schema, parse(print(planned)), RULES)).toEqual([])
    }),
    { numRuns: 200 },
  )
})

test('callers who meet the same rules of an operation share the prepared operation', () => {
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
