// Reads a supergraph's authorization rules: @authenticated, @requiresScopes and @policy of its types and fields.
import { type ConstDirectiveNode, type DocumentNode, Kind } from 'graphql'
import { linkedDirective, type ReadDirective } from '#gateway/federation/linked-directives.ts'

/** Met by whoever holds all names of one of the inner lists. */
export type AnyOfAll = readonly (readonly string[])[]

/** A caller must meet every part of a rule. */
export type Rule = {
  readonly authenticated: boolean
  readonly scopes: AnyOfAll | undefined
  readonly policies: AnyOfAll | undefined
}

/** The index of a rule in `AuthorizationRules.rules`. Equal rules share one. */
export type RuleId = number

export type AuthorizationRules = {
  readonly rules: readonly Rule[]
  /** By the name of an object, interface, enum or scalar. */
  readonly types: ReadonlyMap<string, RuleId>
  /** By `Type.field`. */
  readonly fields: ReadonlyMap<string, RuleId>
}

export function readAuthorizationRules(document: DocumentNode): AuthorizationRules {
  const readRule = createRuleReader(document)
  const rules: Rule[] = []
  const known = new Map<string, RuleId>()
  const types = new Map<string, RuleId>()
  const fields = new Map<string, RuleId>()

  function add(
    to: Map<string, RuleId>,
    name: string,
    directives: readonly ConstDirectiveNode[] | undefined,
  ): void {
    const rule = readRule(directives)
    if (!rule) return
    const text = JSON.stringify(rule)
    const id = known.get(text) ?? rules.push(rule) - 1
    known.set(text, id)
    to.set(name, id)
  }

  for (const definition of document.definitions) {
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.INTERFACE_TYPE_DEFINITION:
        for (const field of definition.fields ?? [])
          add(fields, `${definition.name.value}.${field.name.value}`, field.directives)
        add(types, definition.name.value, definition.directives)
        break
      case Kind.ENUM_TYPE_DEFINITION:
      case Kind.SCALAR_TYPE_DEFINITION:
        add(types, definition.name.value, definition.directives)
        break
      default:
        break // nothing else carries these directives
    }
  }
  return { rules, types, fields }
}

function createRuleReader(
  document: DocumentNode,
): (directives: readonly ConstDirectiveNode[] | undefined) => Rule | undefined {
  const authenticated = linkedDirective(document, 'authenticated', 'authenticated')
  const requiresScopes = linkedDirective(document, 'requiresScopes', 'requiresScopes')
  const policy = linkedDirective(document, 'policy', 'policy')
  return directives => {
    const rule = {
      authenticated: authenticated(directives) !== undefined,
      scopes: namesIn(requiresScopes, 'scopes', directives),
      policies: namesIn(policy, 'policies', directives),
    }
    return rule.authenticated || rule.scopes || rule.policies ? rule : undefined
  }
}

/** A requirement that cannot be read is one that nobody meets. */
function namesIn(
  read: ReadDirective,
  argument: string,
  directives: readonly ConstDirectiveNode[] | undefined,
): AnyOfAll | undefined {
  const given = read(directives)
  if (!given) return undefined
  const { [argument]: alternatives } = given
  if (!Array.isArray(alternatives)) return []
  return alternatives.map(all => (Array.isArray(all) ? all : [all]).map(String))
}
