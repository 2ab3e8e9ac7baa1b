// The entry `@waybill/kit/codegen`, for the configuration of build tools: scalars, and the schema in its small form.

/** The option `scalars` of GraphQL Code Generator. */
export const codegenScalars = {
  Decimal: '@waybill/kit#Decimal',
  Currency: '@waybill/kit#Currency',
  DateTime: '@waybill/kit#DateTime',
} as const

/** The option `customScalarTypes` of Relay's compiler. */
export const relayScalars = {
  Decimal: { name: 'Decimal', path: '@waybill/kit' },
  Currency: { name: 'Currency', path: '@waybill/kit' },
  DateTime: { name: 'DateTime', path: '@waybill/kit' },
} as const

type TypeRef = { readonly kind: string; readonly name?: string | null; readonly ofType?: TypeRef | null }
type Named = { readonly name: string }
type Typed = Named & { readonly type: TypeRef }
type Field = Typed & { readonly args: readonly Typed[] }
type FullType = Named & {
  readonly kind: string
  readonly fields?: readonly Field[] | null
  readonly interfaces?: readonly Named[] | null
  readonly possibleTypes?: readonly Named[] | null
}
type Schema<Type, None> = {
  readonly __schema: {
    readonly queryType: Named
    readonly mutationType: Named | None
    readonly subscriptionType: Named | None
    readonly types: readonly Type[]
  }
}
type SmallType =
  | {
      readonly kind: 'OBJECT' | 'INTERFACE'
      readonly name: string
      readonly fields: readonly Field[]
      readonly interfaces: readonly Named[]
      readonly possibleTypes?: readonly Named[]
    }
  | { readonly kind: 'UNION'; readonly name: string; readonly possibleTypes: readonly Named[] }
  | { readonly kind: 'SCALAR'; readonly name: 'Any' }

/**
 * The part of an introspection result that normalized caches need. It has composite types with their fields and members, in
 * the form that Graphcache takes as `schema`.
 */
export type SmallSchema = Schema<SmallType, null>

const ANY = { kind: 'SCALAR', name: 'Any' } as const

/**
 * Makes the small form out of a whole introspection result, as a build step does: a fraction of its size, to be written into
 * the app as JSON.
 */
export function smallSchema({ __schema }: Schema<FullType, null | undefined>): SmallSchema {
  const composite = __schema.types.filter(
    ({ kind, name }) => /^(OBJECT|INTERFACE|UNION)$/.test(kind) && !name.startsWith('__'),
  )
  const kept = new Set(composite.map(({ name }) => name))
  return {
    __schema: {
      queryType: nameOnly(__schema.queryType),
      mutationType: __schema.mutationType ? nameOnly(__schema.mutationType) : null,
      subscriptionType: __schema.subscriptionType ? nameOnly(__schema.subscriptionType) : null,
      types: [...composite.map(type => smallType(type, kept)), ANY],
    },
  }
}

function smallType(type: FullType, kept: ReadonlySet<string>): SmallType {
  const members = (type.possibleTypes ?? []).map(nameOnly)
  if (type.kind === 'UNION') return { kind: 'UNION', name: type.name, possibleTypes: members }
  return {
    kind: type.kind === 'INTERFACE' ? 'INTERFACE' : 'OBJECT',
    name: type.name,
    fields: (type.fields ?? []).map(({ name, type: of, args }) => ({
      name,
      type: smallRef(of, kept),
      args: args.map(arg => ({ name: arg.name, type: ANY })),
    })),
    interfaces: (type.interfaces ?? []).map(nameOnly),
    ...(type.kind === 'INTERFACE' && { possibleTypes: members }),
  }
}

/** Caches look at the types of objects and lists, and at nulls; what a leaf is does not matter to them. */
function smallRef({ kind, name, ofType }: TypeRef, kept: ReadonlySet<string>): TypeRef {
  if (ofType) return { kind, ofType: smallRef(ofType, kept) }
  return name && kept.has(name) ? { kind, name } : ANY
}

function nameOnly({ name }: Named): Named {
  return { name }
}
