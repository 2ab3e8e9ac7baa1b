// Writes fields as texts that are equal for equal selections: a response name, and a signature with the arguments.
import { type FieldNode, Kind, type ValueNode } from 'graphql'

/** Returns the field's name and arguments. Fields of one object with equal signatures have equal values. */
export function fieldSignature({ name, arguments: given = [] }: FieldNode): string {
  if (given.length === 0) return name.value
  const texts = given.map(one => `${one.name.value}:${valueText(one.value)}`).sort()
  return `${name.value}(${texts.join()})`
}

export function responseName({ alias, name }: FieldNode): string {
  return (alias ?? name).value
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
