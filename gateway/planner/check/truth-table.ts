// Represents when something holds as the set of all assignments of an operation's condition variables in which it does.
import { type DirectiveNode, Kind } from 'graphql'

/** A bit for each assignment, so that operations on sets are bitwise operations. */
export type Assignments = bigint
export const NEVER: Assignments = 0n

/** Assignments double with each variable. */
const MAX_VARIABLES = 10

export type TruthTable = {
  readonly always: Assignments
  /** Returns when the variable is true; `always` for a variable that is no condition. */
  whenTrue(variable: string): Assignments
  /** Returns when `@skip` and `@include` let a selection count. */
  whenIncluded(directives: readonly DirectiveNode[] | undefined): Assignments
}

/** Returns undefined when there are too many variables to look at each assignment. */
export function createTruthTable(variables: readonly string[]): TruthTable | undefined {
  if (variables.length > MAX_VARIABLES) return undefined
  const size = 2 ** variables.length
  const always = (1n << BigInt(size)) - 1n
  const columns = new Map(variables.map((name, index) => [name, columnOf(index, size)]))
  const whenTrue = (variable: string) => columns.get(variable) ?? always

  function whenIf({ arguments: given = [] }: DirectiveNode): Assignments {
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
        if (directive.name.value === 'include') when &= whenIf(directive)
        else if (directive.name.value === 'skip') when &= ~whenIf(directive)
      return when
    },
  }
}

/** Returns the assignments, by number, in which the bit of the variable is set. */
function columnOf(index: number, size: number): Assignments {
  let column = NEVER
  for (let number = 0; number < size; number++) if ((number >> index) & 1) column |= 1n << BigInt(number)
  return column
}
