// Builds JSON Schemas of what a graph's operations select, and of the inputs that they take.
import {
  type DocumentNode,
  type FieldNode,
  GraphQLEnumType,
  type GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isInputObjectType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

export type JsonSchema = { readonly [keyword: string]: unknown }

export type Scope = {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  /** The named schemas that others refer to. */
  readonly components: Map<string, JsonSchema>
}

const SCALARS: Readonly<Record<string, JsonSchema>> = {
  ID: { type: 'string' },
  String: { type: 'string' },
  Int: { type: 'integer' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
  Decimal: { type: 'string', pattern: '^-?\\d+(\\.\\d+)?$', description: 'A decimal number as text.' },
  Currency: { type: 'string', pattern: '^[A-Z]{3}$', description: 'An ISO 4217 code.' },
  DateTime: { type: 'string', format: 'date-time' },
}

/** Returns the schema of what `selection` yields of `type`, and adds the objects and enums that it refers to. */
function outputSchema(scope: Scope, type: GraphQLOutputType, selection?: SelectionSetNode): JsonSchema {
  if (type instanceof GraphQLNonNull) return presentOutput(scope, type.ofType, selection)
  return orNull(presentOutput(scope, type, selection))
}

function presentOutput(scope: Scope, type: GraphQLOutputType, selection?: SelectionSetNode): JsonSchema {
  if (type instanceof GraphQLList)
    return { type: 'array', items: outputSchema(scope, type.ofType, selection) }
  if (isObjectType(type) && selection)
    return component(scope, schemaName(type, selection), objectSchema(scope, type, selection))
  return named(scope, type)
}

/**
 * Returns the name of the schema of `selection`: a selection of one fragment alone is named after it, any other after its
 * type.
 */
export function schemaName(type: GraphQLObjectType, { selections }: SelectionSetNode): string {
  const [only, ...others] = selections
  return only?.kind === Kind.FRAGMENT_SPREAD && others.length === 0
    ? only.name.value.replace(/^Rest/, '')
    : type.name
}

/** Returns the schema of the selected fields of an object, including those in fragments. */
export function objectSchema(scope: Scope, type: GraphQLObjectType, selection: SelectionSetNode): JsonSchema {
  const fields = type.getFields()
  const properties = Object.fromEntries(
    fieldsIn(scope, type, selection).flatMap(({ name, alias, selectionSet }) => {
      const field = fields[name.value]
      if (field === undefined) return []
      const schema = outputSchema(scope, field.type, selectionSet)
      return [[(alias ?? name).value, described(schema, field.description)]]
    }),
  )
  return described({ type: 'object', required: Object.keys(properties), properties }, type.description)
}

function fieldsIn(scope: Scope, type: GraphQLObjectType, selection: SelectionSetNode): FieldNode[] {
  return selection.selections.flatMap(node => {
    if (node.kind === Kind.FIELD) return [node]
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : fragmentOf(scope, node.name.value)
    const condition = fragment.typeCondition?.name.value ?? type.name
    return condition === type.name ? fieldsIn(scope, type, fragment.selectionSet) : []
  })
}

function fragmentOf({ document }: Scope, name: string) {
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION && node.name.value === name) return node
  throw new Error(`there is no fragment ${name}`)
}

/** Returns the schema of an input object without the fields `except`, which allows no other fields. */
export function inputSchema(
  scope: Scope,
  type: GraphQLInputObjectType,
  except: readonly string[] = [],
): JsonSchema {
  const fields = Object.values(type.getFields()).filter(({ name }) => !except.includes(name))
  const required = fields
    .filter(field => field.type instanceof GraphQLNonNull && field.defaultValue === undefined)
    .map(({ name }) => name)
  const properties = Object.fromEntries(
    fields.map(field => {
      const schema = inputOf(scope, field.type)
      const withDefault =
        field.defaultValue === undefined ? schema : { ...schema, default: field.defaultValue }
      return [field.name, described(withDefault, field.description)]
    }),
  )
  return described({ type: 'object', required, properties, additionalProperties: false }, type.description)
}

function inputOf(scope: Scope, type: unknown): JsonSchema {
  return type instanceof GraphQLNonNull ? presentInput(scope, type.ofType) : orNull(presentInput(scope, type))
}

function presentInput(scope: Scope, type: unknown): JsonSchema {
  if (type instanceof GraphQLList) return { type: 'array', items: inputOf(scope, type.ofType) }
  if (isInputObjectType(type)) return component(scope, type.name, inputSchema(scope, type))
  return named(scope, type)
}

/** Returns the schema of a scalar, or a reference to that of an enum. */
function named(scope: Scope, type: unknown): JsonSchema {
  if (type instanceof GraphQLEnumType) {
    const values = type.getValues().map(({ name }) => name)
    return component(scope, type.name, described({ type: 'string', enum: values }, type.description))
  }
  const schema = SCALARS[String(type)]
  if (schema === undefined) throw new Error(`${String(type)} has no JSON schema`)
  return schema
}

/** Adds `schema` under `name` and returns a reference to it. Throws when the name has another schema: two selections of a type must share a fragment. */
export function component(
  { components }: Pick<Scope, 'components'>,
  name: string,
  schema: JsonSchema,
): JsonSchema {
  const known = components.get(name)
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema))
    throw new Error(`${name} is selected in two ways: give both the same fragment`)
  components.set(name, schema)
  return { $ref: `#/components/schemas/${name}` }
}

function orNull(schema: JsonSchema): JsonSchema {
  return typeof schema.type === 'string'
    ? { ...schema, type: [schema.type, 'null'] }
    : { anyOf: [schema, { type: 'null' }] }
}

function described(schema: JsonSchema, description: string | null | undefined): JsonSchema {
  return description ? { ...schema, description } : schema
}
