// Represents when something holds as the set of all assignments of an operation's condition variables in which it does.
import type { DirectiveNode } from 'graphql'
import { addConditions, type Condition } from '#gateway/planner/normalization/collect-fields.ts'

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
  const whenMet = ({ variable, wanted }: Condition) => (wanted ? whenTrue(variable) : ~whenTrue(variable))

  return {
    always,
    whenTrue,
    whenIncluded(directives) {
      const conditions = addConditions([], directives)
      return conditions?.reduce((when, one) => when & whenMet(one), always) ?? NEVER
    },
  }
}

/** Returns the assignments, by number, in which the bit of the variable is set. */
function columnOf(index: number, size: number): Assignments {
  let column = NEVER
  for (let number = 0; number < size; number++) if ((number >> index) & 1) column |= 1n << BigInt(number)
  return column
}
