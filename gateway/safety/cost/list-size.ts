// Compiles how many items a list is expected to have, by the arguments of its field.
import { type FieldNode, type GraphQLField, valueFromAST } from 'graphql'
import type { ListSize } from '#gateway/safety/cost/rules.ts'

type Variables = Readonly<Record<string, unknown>>

export type SlicedList = {
  /** Returns the largest slicing argument that has a value, else the assumed size; undefined when neither is known. */
  size(variables: Variables): number | undefined
  /** Returns undefined when the list is given the one slicing argument that it requires, or requires none. */
  problem(variables: Variables): string | undefined
}

export function compileListSize(
  rule: ListSize,
  node: FieldNode,
  field: GraphQLField<unknown, unknown>,
): SlicedList {
  const { assumedSize, slicingArguments, requireOneSlicingArgument } = rule
  const readers = slicingArguments.map(name => compileSlice(name, node, field))
  const requiresOne = requireOneSlicingArgument && slicingArguments.length > 0
  return {
    size(variables) {
      const sizes = readers.flatMap(({ read }) => read(variables) ?? [])
      return sizes.length > 0 ? Math.max(...sizes) : assumedSize
    },
    problem(variables) {
      if (!requiresOne) return undefined
      const given = readers.filter(({ isGiven }) => isGiven(variables)).length
      const sizes = readers.filter(({ read }) => read(variables) !== undefined).length
      if (given === 1 || (given === 0 && sizes === 1)) return undefined
      return `${field.name} should be given exactly one of ${slicingArguments.join(', ')}; it has ${given}`
    },
  }
}

type Slice = {
  /** The size that the argument asks for; the schema's default counts. */
  readonly read: (variables: Variables) => number | undefined
  /** Says whether the caller itself gives the argument. */
  readonly isGiven: (variables: Variables) => boolean
}

function compileSlice(path: string, node: FieldNode, field: GraphQLField<unknown, unknown>): Slice {
  const [name = '', ...inner] = path.split('.')
  const argument = field.args.find(one => one.name === name)
  const value = node.arguments?.find(one => one.name.value === name)?.value
  const given = (variables: Variables) =>
    argument && value ? inner.reduce(into, valueFromAST(value, argument.type, variables)) : undefined
  return {
    read(variables) {
      const size: unknown = given(variables) ?? inner.reduce(into, argument?.defaultValue)
      return typeof size === 'number' && Number.isFinite(size) ? Math.max(0, size) : undefined
    },
    isGiven: variables => (given(variables) ?? null) !== null,
  }
}

function into(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
