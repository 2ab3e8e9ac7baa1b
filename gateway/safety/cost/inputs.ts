// What the arguments of a field cost. Pure.
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
export type InputCost = (variables: Variables) => number

/** Undefined when no argument that is given can cost anything. An argument that is null or left out costs nothing. */
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
      return given === undefined || given === null ? 0 : costOf(given, argument.type, weights, own)
    }
  })
  if (costs.length === 0) return undefined
  return variables => costs.reduce((sum, cost) => sum + cost(variables), 0)
}

/** `own` is the weight of what holds the value, which goes before that of its type. */
function costOf(
  value: unknown,
  type: GraphQLInputType,
  weights: CostRules['weights'],
  own: number | undefined,
): number {
  if (isNonNullType(type)) return costOf(value, type.ofType, weights, own)
  if (isListType(type)) {
    const items = Array.isArray(value) ? value : [value]
    return items.reduce<number>((sum, item) => sum + costOf(item, type.ofType, weights, undefined), own ?? 0)
  }
  if (value === null || value === undefined) return 0
  const base = own ?? weights.get(type.name) ?? 0
  if (!isInputObjectType(type)) return base
  return Object.values(type.getFields()).reduce((sum, field) => {
    const inner: unknown = Reflect.get(Object(value), field.name)
    if (inner === undefined || inner === null) return sum
    return sum + costOf(inner, field.type, weights, weights.get(`${type.name}.${field.name}`))
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
