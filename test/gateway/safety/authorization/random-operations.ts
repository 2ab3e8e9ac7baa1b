// Generates random valid operations over the schema of the safety fixture, with fragments.
import fc from 'fast-check'
import {
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql'

/** Generates operations over `schema`, in which the variable `$n` may give the size of lists. */
export function randomOperations(schema: GraphQLSchema): fc.Arbitrary<OperationDefinitionNode> {
  return fc.infiniteStream(fc.nat(1000)).map(numbers => {
    let drawn = 0
    const draw = () => {
      drawn += 1
      return numbers.next().value ?? 0
    }
    const query = schema.getQueryType()
    if (!query) throw new Error('the schema has no queries')
    const selected = select(query, Object.assign(draw, { drawn: () => drawn }), { schema, depth: 4 })
    return operationOf(`query${selected.includes('$n') ? '($n: Int)' : ''} ${selected}`)
  })
}

/** Draws the next number; the count of drawn numbers makes names unique. */
type Draw = (() => number) & { readonly drawn: () => number }

/** Returns a valid selection of `type`, chosen by the numbers that `draw` returns. */
function select(
  type: GraphQLCompositeType,
  draw: Draw,
  { schema, depth }: { readonly schema: GraphQLSchema; readonly depth: number },
): string {
  const pick = <T>(from: readonly T[]): T | undefined => from[draw() % from.length]
  const parts: string[] = []
  const fields = 'getFields' in type ? Object.values(type.getFields()) : []
  const narrower = isAbstractType(type) ? schema.getPossibleTypes(type) : []
  for (let count = 1 + (draw() % 4); count > 0; count--) {
    const field = pick(fields)
    const fragment = draw() % 4 === 0 || !field ? (pick(narrower) ?? type) : undefined
    if (fragment && depth > 0)
      parts.push(`... on ${fragment.name} ${select(fragment, draw, { schema, depth: depth - 1 })}`)
    if (!field) continue
    const inner = getNamedType(field.type)
    if (isCompositeType(inner) && depth === 0) continue
    const selected = isCompositeType(inner) ? ` ${select(inner, draw, { schema, depth: depth - 1 })}` : ''
    parts.push(`f${draw.drawn()}: ${field.name}${argumentsOf(field.args, draw())}${selected}`)
  }
  return `{ __typename ${parts.join(' ')} }`
}

/** Returns the required arguments and, at times, the number of items. */
function argumentsOf(args: readonly { readonly name: string }[], drawn: number): string {
  const first = drawn % 2 === 0 ? '7' : '$n'
  const given = args.flatMap(({ name }) => {
    if (name === 'id') return 'id: "1"'
    return name === 'first' && drawn % 3 > 0 ? `first: ${first}` : []
  })
  return given.length > 0 ? `(${given.join(', ')})` : ''
}

function operationOf(text: string): OperationDefinitionNode {
  const [operation] = parse(text).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('there is no operation')
  return operation
}
