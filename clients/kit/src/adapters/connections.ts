// Finds the connections of a graph, by the form of the Relay specification.
import type { SmallSchema } from '../codegen.ts'

type ConnectionField = {
  readonly type: string
  readonly field: string
  /** The arguments that make another list, not another part of it. */
  readonly filters: string[]
}

const PAGING = ['first', 'last', 'after', 'before']

export function connectionFields({ __schema }: SmallSchema): ConnectionField[] {
  return __schema.types.flatMap(type =>
    type.kind === 'OBJECT'
      ? type.fields
          .filter(field => nameOf(field.type).endsWith('Connection'))
          .map(({ name, args }) => ({
            type: type.name,
            field: name,
            filters: args.map(arg => arg.name).filter(arg => !PAGING.includes(arg)),
          }))
      : [],
  )
}

type TypeRef = { readonly name?: string | null; readonly ofType?: TypeRef | null }

function nameOf({ name, ofType }: TypeRef): string {
  return ofType ? nameOf(ofType) : (name ?? '')
}
