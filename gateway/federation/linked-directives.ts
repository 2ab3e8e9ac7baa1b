// Reads what a supergraph links: directives under whatever names `@link` imports them, and features that must be enforced.
import {
  type ArgumentNode,
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  Kind,
  valueFromASTUntyped,
} from 'graphql'
import { isObject } from '#platform/domain/json.ts'

export type Arguments = Readonly<Record<string, unknown>>
/** Returns the arguments of the directive among `directives`; undefined when it is not there. */
export type ReadDirective = (directives: readonly ConstDirectiveNode[] | undefined) => Arguments | undefined

const SPECIFICATIONS = 'https://specs.apollo.dev/'
/** Enforced specifications, by name and major version. */
const ENFORCED: ReadonlySet<string> = new Set([
  'authenticated/v0',
  'requiresScopes/v0',
  'policy/v0',
  'inaccessible/v0',
  'context/v0',
])
const SPECIFICATION = /^https:\/\/specs\.apollo\.dev\/(\w+\/v\d+)\.\d+$/

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
    const found = importsOf(link).find(({ name }) => name === `@${directive}`)
    if (found) return found.as.slice(1)
    const prefix = typeof as === 'string' ? as : spec
    return directive === spec ? prefix : `${prefix}__${directive}`
  }
  return directive
}

/** Returns the arguments of each `@link` of the schema, or of each `@core`, as Federation 1 has them. */
export function linksOf(document: DocumentNode, directive: 'link' | 'core' = 'link'): Arguments[] {
  return document.definitions.flatMap(definition =>
    definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION
      ? (definition.directives ?? []).filter(({ name }) => name.value === directive).map(argumentsOf)
      : [],
  )
}

/** Returns what a link imports, and under which name. */
export function importsOf(link: Arguments): readonly Import[] {
  return Array.isArray(link.import) ? link.import.flatMap(one => importOf(one) ?? []) : []
}

type Import = { readonly name: string; readonly as: string }

/** `"@name"`, or `{ name: "@name", as: "@other" }`. */
function importOf(value: unknown): Import | undefined {
  if (typeof value === 'string') return { name: value, as: value }
  if (!isObject(value) || typeof value.name !== 'string') return undefined
  return { name: value.name, as: typeof value.as === 'string' ? value.as : value.name }
}

export function argumentsOf({ arguments: given = [] }: DirectiveNode): Arguments {
  return Object.fromEntries(
    given.map(({ name, value }: ArgumentNode) => [name.value, valueFromASTUntyped(value)]),
  )
}

/**
 * Throws for an unknown feature that is linked `for: SECURITY`: what it protects would be served to everybody
 * (https://specs.apollo.dev/link/v1.0).
 */
export function checkSecurityFeatures(document: DocumentNode): void {
  for (const link of linksOf(document)) {
    if (link.for !== 'SECURITY') continue
    const url = String(link.url)
    const name = SPECIFICATION.exec(url)?.[1]
    if (name === undefined || !ENFORCED.has(name))
      throw new Error(`it relies on ${url} for security, which this gateway does not know`)
  }
}
