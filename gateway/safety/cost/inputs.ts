// Compiles what the arguments of a field cost.
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  valueFromAST,
} from 'graphql'
import type { CostRules } from '#gateway/safety/cost/rules.ts'

type Variables = Readonly<Record<string, unknown>>
type InputCost = (variables: Variables) => number

/** Returns undefined when no given argument can cost anything. An argument that is null or absent costs nothing. */
export function compileInputCost(
  { weights }: CostRules,
  coordinate: string,
  { node, field }: { readonly node: FieldNode; readonly field: GraphQLField<unknown, unknown> },
): InputCost | undefined {
  if (weights.size === 0) return undefined
  const costs = (node.arguments ?? []).flatMap(({ name, value }) => {
    const argument = field.args.find(one => one.name === name.value)
    const own = weights.get(`${coordinate}.${name.value}`)
    if (!argument || !(own !== undefined || canCost(argument.type, weights))) return []
    return (variables: Variables) => {
      const given: unknown = valueFromAST(value, argument.type, variables)
      return given === undefined || given === null ? 0 : costOf(given, argument.type, { weights, own })
    }
  })
  if (costs.length === 0) return undefined
  return variables => costs.reduce((sum, cost) => sum + cost(variables), 0)
}

/** `own` is the weight of the argument or field that holds the value; it replaces the weight of the type. */
type Weights = { readonly weights: CostRules['weights']; readonly own: number | undefined }

function costOf(value: unknown, type: GraphQLInputType, { weights, own }: Weights): number {
  if (isNonNullType(type)) return costOf(value, type.ofType, { weights, own })
  if (isListType(type)) {
    const items = Array.isArray(value) ? value : [value]
    return items.reduce<number>(
      (sum, item) => sum + costOf(item, type.ofType, { weights, own: undefined }),
      own ?? 0,
    )
  }
  if (value === null || value === undefined) return 0
  const base = own ?? weights.get(type.name) ?? 0
  if (!isInputObjectType(type)) return base
  return Object.values(type.getFields()).reduce((sum, field) => {
    const inner: unknown = Reflect.get(Object(value), field.name)
    if (inner === undefined || inner === null) return sum
    return sum + costOf(inner, field.type, { weights, own: weights.get(`${type.name}.${field.name}`) })
  }, base)
}

function canCost(type: GraphQLInputType, weights: CostRules['weights'], seen = new Set<string>()): boolean {
  const named = getNamedType(type)
  if (weights.has(named.name)) return true
  if (!isInputObjectType(named) || seen.has(named.name)) return false
  seen.add(named.name)
  return Object.values(named.getFields()).some(
    field => weights.has(`${named.name}.${field.name}`) || canCost(field.type, weights, seen),
  )
}
