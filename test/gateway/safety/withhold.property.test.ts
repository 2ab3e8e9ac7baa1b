import fc from 'fast-check'
import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  validate,
  visit,
} from 'graphql'
import { expect, test } from 'vitest'
import { createGuards } from '#gateway/safety/authorization/guard.ts'
import { readSupergraph } from '#gateway/supergraph.ts'
import { clinicSupergraph } from './clinic.ts'

const { schema, authorization } = await readSupergraph(clinicSupergraph())
const guardOf = createGuards({ schema, rules: authorization })
const NO_FRAGMENTS = new Map()

/** A valid selection of `type`, by the numbers that `draw` gives; arguments are those of the clinic that must be given. */
function select(type: GraphQLCompositeType, draw: () => number, depth: number): string {
  const pick = <T>(from: readonly T[]): T | undefined => from[draw() % from.length]
  const parts: string[] = []
  const fields = 'getFields' in type ? Object.values(type.getFields()) : []
  for (let count = 1 + (draw() % 4); count > 0; count--) {
    const field = pick(fields)
    const narrower = isAbstractType(type) ? schema.getPossibleTypes(type) : []
    const fragment = draw() % 4 === 0 || !field ? (pick(narrower) ?? type) : undefined
    if (fragment && depth > 0) parts.push(`... on ${fragment.name} ${select(fragment, draw, depth - 1)}`)
    if (!field) continue
    const inner = getNamedType(field.type)
    if (isCompositeType(inner) && depth === 0) continue
    const given = field.args.some(({ name }) => name === 'id') ? '(id: "1")' : ''
    parts.push(field.name + given + (isCompositeType(inner) ? ` ${select(inner, draw, depth - 1)}` : ''))
  }
  return `{ __typename ${parts.join(' ')} }`
}

const operations = fc.infiniteStream(fc.nat(1000)).map(numbers => {
  const text = select(asComposite(schema, 'Query'), () => numbers.next().value ?? 0, 4)
  return operationOf(text)
})

function asComposite(from: GraphQLSchema, name: string): GraphQLCompositeType {
  const type = from.getType(name)
  if (!isCompositeType(type)) throw new Error(`${name} has no fields`)
  return type
}

function operationOf(text: string): OperationDefinitionNode {
  const [operation] = parse(text).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation')
  return operation
}

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
      const { planned, report } = guard.permit(guard.unmet(given))
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

test('what is planned is a valid operation', () => {
  fc.assert(
    fc.property(operations, claims, (operation, given) => {
      const guard = guardOf(operation, NO_FRAGMENTS)
      const planned = guard?.permit(guard.unmet(given)).planned
      if (planned) expect(validate(schema, parse(print(planned)))).toEqual([])
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
        const { planned } = guard.permit(guard.unmet(given))
        return planned && print(planned)
      }
      if (shared) expect(planOf(one)).toBe(planOf(other))
      expect(guard.unmet(everything)).toEqual([])
    }),
    { numRuns: 200 },
  )
})
