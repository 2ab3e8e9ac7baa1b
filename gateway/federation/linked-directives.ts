// Finds the directives of a linked specification in a supergraph, under whatever names `@link` imports them.
import {
  type ArgumentNode,
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  Kind,
  valueFromASTUntyped,
} from 'graphql'

type Arguments = Readonly<Record<string, unknown>>
/** Returns the arguments of the directive among `directives`; undefined when it is not there. */
export type ReadDirective = (directives: readonly ConstDirectiveNode[] | undefined) => Arguments | undefined

const SPECIFICATIONS = 'https://specs.apollo.dev/'

/**
 * Finds `@directive` of the specification `spec` by the name that the supergraph's `@link` gives it
 * (https://specs.apollo.dev/link/v1.0). Without such a link the directive's own name is used.
 */
export function linkedDirective(document: DocumentNode, spec: string, directive: string): ReadDirective {
  const name = nameOf(document, spec, directive)
  return directives => {
    const found = directives?.find(one => one.name.value === name)
    return found && argumentsOf(found)
  }
}

function nameOf(document: DocumentNode, spec: string, directive: string): string {
  for (const link of linksOf(document)) {
    const { url, as } = link
    if (typeof url !== 'string' || !url.startsWith(`${SPECIFICATIONS}${spec}/`)) continue
    const imported = Array.isArray(link.import) ? link.import.map(importOf) : []
    const found = imported.find(one => one?.name === `@${directive}`)
    if (found) return found.as.slice(1)
    const prefix = typeof as === 'string' ? as : spec
    return directive === spec ? prefix : `${prefix}__${directive}`
  }
  return directive
}

export function linksOf(document: DocumentNode): Arguments[] {
  return document.definitions.flatMap(definition =>
    definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION
      ? (definition.directives ?? []).filter(({ name }) => name.value === 'link').map(argumentsOf)
      : [],
  )
}

/** `"@name"`, or `{ name: "@name", as: "@other" }`. */
function importOf(value: unknown): { readonly name: string; readonly as: string } | undefined {
  if (typeof value === 'string') return { name: value, as: value }
  if (typeof value !== 'object' || value === null || !('name' in value)) return undefined
  const { name } = value
  if (typeof name !== 'string') return undefined
  return { name, as: 'as' in value && typeof value.as === 'string' ? value.as : name }
}

function argumentsOf({ arguments: given = [] }: DirectiveNode): Arguments {
  return Object.fromEntries(
    given.map(({ name, value }: ArgumentNode) => [name.value, valueFromASTUntyped(value)]),
  )
}
