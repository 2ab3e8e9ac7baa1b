// When something holds, as the set of all ways of deciding an operation's conditions in which it does. Pure.
import { type DirectiveNode, Kind } from 'graphql'

/** A bit for each way of deciding the variables: operations on sets are those on numbers. */
export type Assignments = bigint
export const NEVER: Assignments = 0n

/** Ways double with each variable. */
const MAX_VARIABLES = 10

export type TruthTable = {
  readonly always: Assignments
  /** When the variable is true; `always` for one that is no condition. */
  whenTrue(variable: string): Assignments
  /** When `@skip` and `@include` let a selection count. */
  whenIncluded(directives: readonly DirectiveNode[] | undefined): Assignments
}

/** Undefined when there are too many variables to look at each way. */
export function createTruthTable(variables: readonly string[]): TruthTable | undefined {
  if (variables.length > MAX_VARIABLES) return undefined
  const ways = 2 ** variables.length
  const always = (1n << BigInt(ways)) - 1n
  const sets = new Map(variables.map((name, index) => [name, waysWith(index, ways)]))
  const whenTrue = (variable: string) => sets.get(variable) ?? always

  function holds({ arguments: given = [] }: DirectiveNode): Assignments {
    const value = given.find(({ name }) => name.value === 'if')?.value
    if (value?.kind === Kind.VARIABLE) return whenTrue(value.name.value)
    return value?.kind === Kind.BOOLEAN && !value.value ? NEVER : always
  }

  return {
    always,
    whenTrue,
    whenIncluded(directives = []) {
      let when = always
      for (const directive of directives)
        if (directive.name.value === 'include') when &= holds(directive)
        else if (directive.name.value === 'skip') when &= ~holds(directive)
      return when
    },
  }
}

/** The ways, by number, in which the bit of the variable is set. */
function waysWith(index: number, ways: number): Assignments {
  let set = NEVER
  for (let way = 0; way < ways; way++) if ((way >> index) & 1) set |= 1n << BigInt(way)
  return set
}
