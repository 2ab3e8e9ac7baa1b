// Scalars and enums as JSON text, checked on the way out: a value that its type does not allow is a null with an error.
import { type GraphQLLeafType, isEnumType } from 'graphql'
import { addError, type Completion, type WriteValue } from '#gateway/executor/completion.ts'

const MAX_INT = 2_147_483_647
const MIN_INT = -2_147_483_648

/** Values of enums that some subgraph has and clients do not see, by the enum's name. */
export type HiddenValues = ReadonlyMap<string, ReadonlySet<unknown>>

export type LeafPosition = {
  /** `Type.field`, for messages. */
  readonly parent: string
  /** Whether it may be null. */
  readonly nullable: boolean
  readonly hidden: HiddenValues
}

/** Null and undefined do not reach it. */
export function compileLeaf(type: GraphQLLeafType, { parent, nullable, hidden }: LeafPosition): WriteValue {
  if (isEnumType(type)) {
    const values = new Set(type.getValues().map(({ name }) => name))
    return enumWriter(
      { name: type.name, values, silent: nullable ? hidden.get(type.name) : undefined },
      parent,
    )
  }
  switch (type.name) {
    case 'Int':
      return (value, completion) =>
        Number.isInteger(value) && Number(value) <= MAX_INT && Number(value) >= MIN_INT
          ? String(value)
          : wrong(completion, parent, 'Int')
    case 'Float':
      return (value, completion) =>
        Number.isFinite(value) ? String(value) : wrong(completion, parent, 'Float')
    case 'Boolean':
      return (value, completion) =>
        value === true ? 'true' : value === false ? 'false' : wrong(completion, parent, 'Boolean')
    case 'String':
    case 'ID':
      return (value, completion) => {
        if (typeof value === 'string') return quote(value)
        if (typeof value === 'number' || typeof value === 'boolean') return `"${value}"`
        return wrong(completion, parent, type.name)
      }
    default:
      return (value, completion) => textOf(value) ?? wrong(completion, parent, type.name)
  }
}

/** Undefined for a value that is nested too deeply to be made text of. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

type WrittenEnum = {
  readonly name: string
  readonly values: ReadonlySet<unknown>
  /** Nothing but a null. */
  readonly silent: ReadonlySet<unknown> | undefined
}

/**
 * A hidden value is a null, and nobody's fault where a null may be: so does Apollo's gateway. Any other value that the
 * public graph does not have is wrong; the message does not tell it.
 */
function enumWriter({ name, values, silent }: WrittenEnum, parent: string): WriteValue {
  return (value, completion) => {
    if (typeof value === 'string' && values.has(value)) return `"${value}"`
    return silent?.has(value) ? 'null' : wrong(completion, parent, name)
  }
}

function wrong(completion: Completion, parent: string, type: string): undefined {
  return addError(completion, `${parent} has a value that ${type} cannot represent.`)
}

/** Longer texts are written by JSON.stringify, which is faster then. */
const SHORT = 40
const QUOTE = 34
const BACKSLASH = 92
const FIRST_PRINTABLE = 32
const FIRST_SURROGATE = 0xd800

/** As JSON.stringify. */
function quote(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < FIRST_PRINTABLE || code === QUOTE || code === BACKSLASH || code >= FIRST_SURROGATE)
      return JSON.stringify(text)
  }
  return `"${text}"`
}
