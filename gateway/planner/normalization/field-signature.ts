// The fields that federation's directives name, such as `weight dimensions { width }`, and texts to compare fields by. Pure.
import {
  type FieldNode,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'

const known = new LRUCache<string, SelectionSetNode>({ max: 10_000 })

/** Throws an Error for a text that is no set of fields. */
export function parseFieldSet(fields: string): SelectionSetNode {
  const found = known.get(fields)
  if (found) return found
  const [definition] = parse(`{ ${fields} }`).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`these are no fields: ${fields}`)
  known.set(fields, definition.selectionSet)
  return definition.selectionSet
}

/** A field with its arguments, however they are written: equal texts get equal values of one object. */
export function fieldSignature({ name, arguments: given = [] }: FieldNode): string {
  if (given.length === 0) return name.value
  const texts = given.map(one => `${one.name.value}:${valueText(one.value)}`).sort()
  return `${name.value}(${texts.join()})`
}

export function responseName({ alias, name }: FieldNode): string {
  return (alias ?? name).value
}

export function inlineCondition(selection: SelectionNode): string | undefined {
  return selection.kind === Kind.INLINE_FRAGMENT ? selection.typeCondition?.name.value : undefined
}

/** Apollo's planner writes an ID of digits as a number, which is the same ID; it does so of no other type. */
const WHOLE_NUMBER = /^-?(?:0|[1-9]\d*)$/

function valueText(value: ValueNode): string {
  switch (value.kind) {
    case Kind.VARIABLE:
      return `$${value.name.value}`
    case Kind.LIST:
      return `[${value.values.map(valueText).join()}]`
    case Kind.OBJECT:
      return `{${value.fields
        .map(field => `${field.name.value}:${valueText(field.value)}`)
        .sort()
        .join()}}`
    case Kind.STRING:
      return WHOLE_NUMBER.test(value.value) ? value.value : JSON.stringify(value.value)
    case Kind.INT:
      return value.value
    case Kind.FLOAT:
      return String(Number(value.value))
    case Kind.BOOLEAN:
      return String(value.value)
    case Kind.ENUM:
      return value.value
    case Kind.NULL:
      return 'null'
  }
}
