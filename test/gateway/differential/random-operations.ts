// Generates random valid operations from a tape of numbers, so that a shorter tape is a smaller operation.
import {
  doTypesOverlap,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
  parse,
  validate,
} from 'graphql'

export type RandomOperation = {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** Returns the operation, or undefined in the rare case that the tape gives an invalid one. */
export function operationOf(schema: GraphQLSchema, tape: readonly number[]): RandomOperation | undefined {
  // Aliases may clash; the same tape without them seldom does.
  for (const aliases of [true, false]) {
    const operation = write(schema, tape, aliases)
    if (validate(schema, parse(operation.query)).length === 0) return operation
  }
  return undefined
}

const MAX_DEPTH = 7
/** Names that the gateway and its planners use in requests to subgraphs. */
const OUR_VARIABLES = ['', 'representations', '__batch_reps_0', '__batch_reps_1', 'contextualArgument_1_0']
const OUR_NAMES = [
  '_asked_id',
  '_asked_a',
  '_e0',
  '_internal_qp_alias_0',
  'a__alias_0',
  '__typename',
  '_entities',
]

function write(schema: GraphQLSchema, tape: readonly number[], aliases: boolean): RandomOperation {
  let at = 0
  const variables: Record<string, unknown> = {}
  const declared: string[] = []
  const fragments: string[] = []

  /** Returns 0 to `below` - 1, and 0 once the tape is over. */
  const choose = (below: number) => (tape[at++] ?? 0) % Math.max(1, below)
  const over = () => at >= tape.length

  function variable(type: string, given: unknown, fallback?: string): string {
    const number = declared.length
    const name = (number > 0 && choose(8) === 1 && OUR_VARIABLES[number]) || `v${number}`
    declared.push(`$${name}: ${type}${fallback === undefined ? '' : ` = ${fallback}`}`)
    if (given !== undefined) variables[name] = given
    return `$${name}`
  }

  function directives(): string {
    const choice = choose(14)
    const flag = choose(2) === 0
    if (over()) return ''
    if (choice === 1) return ` @include(if: ${flag})`
    if (choice === 2) return ` @skip(if: ${flag})`
    if (choice === 3) return ` @include(if: ${variable('Boolean!', flag)})`
    if (choice === 4) return ` @skip(if: ${variable('Boolean!', flag)})`
    if (choice === 5) return ` @skip(if: ${variable('Boolean! ', undefined, String(flag))})`
    if (choice === 6)
      return ` @skip(if: ${variable('Boolean!', flag)}) @include(if: ${variable('Boolean!', choose(2) === 0)})`
    return ''
  }

  /** A directive of the subgraphs' own, which may be repeated. */
  function loud(): string {
    if (!schema.getDirective('loud') || over() || choose(6) !== 1) return ''
    const times = choose(3)
    const given = ['', `(times: ${times})`, `(times: ${variable('Int!', times)})`][choose(3)] ?? ''
    return ` @loud${given}${choose(4) === 1 ? ' @loud(times: 9)' : ''}`
  }

  function input(type: GraphQLInputType, depth: number): unknown {
    if (isNonNullType(type)) return input(type.ofType, depth) ?? (isListType(type.ofType) ? [] : 1)
    const choice = choose(9)
    if (choice === 8 && !over()) return null
    if (isListType(type)) return Array.from({ length: choice % 3 }, () => input(type.ofType, depth + 1))
    if (isEnumType(type)) return type.getValues()[choice % type.getValues().length]?.name
    if (isInputObjectType(type))
      return Object.fromEntries(
        Object.values(type.getFields()).flatMap(field =>
          isRequiredInputField(field) || (choose(2) === 1 && depth < 3)
            ? [[field.name, input(field.type, depth + 1)]]
            : [],
        ),
      )
    if (type.name === 'Int') return choice
    if (type.name === 'Float') return choice / 4
    if (type.name === 'Boolean') return choice % 2 === 0
    return `s${choice}`
  }

  function argument({ name, type, defaultValue }: GraphQLArgument): string {
    const value = input(type, 0)
    if (choose(2) === 0) return `${name}: ${literal(value, type)}`
    const left = choose(4) === 1 && !isNonNullType(type)
    const fallback = left && choose(2) === 1 ? literal(value, type) : undefined
    // A nullable variable where the argument has a default: when it is left out, the default counts.
    const nullable = defaultValue !== undefined && isNonNullType(type) && left
    return `${name}: ${variable(String(nullable ? getNamedType(type) : type), left ? undefined : value, fallback)}`
  }

  function field(definition: GraphQLField<unknown, unknown>, depth: number): string {
    const given = definition.args
      .filter(one => isRequiredArgument(one) || (choose(2) === 1 && !over()))
      .map(argument)
    const chosen = aliases ? choose(6) : 0
    const names = chosen === 1 ? ['a', 'id', 'name', 'x', definition.name] : OUR_NAMES
    const alias = chosen === 1 || (chosen === 2 && choose(5) === 1) ? `${names[choose(names.length)]}: ` : ''
    const type = getNamedType(definition.type)
    const inner = isCompositeType(type) ? ` ${selections(type, depth + 1)}` : ''
    return `${alias}${definition.name}${given.length > 0 ? `(${given.join(', ')})` : ''}${directives()}${loud()}${inner}`
  }

  function fragment(type: GraphQLCompositeType, depth: number): string {
    const overlapping = Object.values(schema.getTypeMap())
      .filter(isCompositeType)
      .filter(other => !other.name.startsWith('__') && doTypesOverlap(schema, type, other))
    const condition = overlapping[choose(overlapping.length)] ?? type
    const inner = selections(condition, depth + 1)
    if (choose(3) !== 1)
      return `...${choose(5) === 1 && condition === type ? '' : ` on ${condition.name}`}${directives()} ${inner}`
    const name = `F${fragments.length}`
    fragments.push(`fragment ${name} on ${condition.name} ${inner}`)
    return `...${name}${directives()}`
  }

  function selections(type: GraphQLCompositeType, depth: number): string {
    const fields = isUnionType(type) ? [] : Object.values(type.getFields())
    const usable = fields.filter(one => depth < MAX_DEPTH || !isCompositeType(getNamedType(one.type)))
    const count = over() ? 1 : 1 + choose(4)
    const parts: string[] = []
    for (let index = 0; index < count; index++) {
      const choice = choose(8)
      if (choice === 7) parts.push(`${choose(3) === 1 && aliases ? 't: ' : ''}__typename`)
      else if ((choice >= 5 || (isAbstractType(type) && choice >= 2)) && depth < MAX_DEPTH && !over())
        parts.push(fragment(type, depth))
      else {
        const picked = usable[choose(usable.length)]
        parts.push(picked ? field(picked, depth) : '__typename')
      }
    }
    return `{ ${parts.join(' ')} }`
  }

  const root = schema.getQueryType()
  const body = root ? selections(root, 0) : '{ __typename }'
  const head = declared.length > 0 ? `query (${declared.join(', ')}) ` : ''
  return { query: [`${head}${body}`, ...fragments].join('\n'), variables }
}

function literal(value: unknown, type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(value, type.ofType)
  if (value === null || value === undefined) return 'null'
  if (isListType(type))
    return Array.isArray(value) ? `[${value.map(item => literal(item, type.ofType)).join(', ')}]` : '[]'
  if (isEnumType(type)) return String(value)
  if (isInputObjectType(type) && typeof value === 'object') {
    const fields = type.getFields()
    const parts = Object.entries(value).flatMap(([name, inner]) => {
      const known = fields[name]
      return known ? [`${name}: ${literal(inner, known.type)}`] : []
    })
    return `{${parts.join(', ')}}`
  }
  return JSON.stringify(value)
}
