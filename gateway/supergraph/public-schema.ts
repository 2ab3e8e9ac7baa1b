// Builds the schema that clients see from a supergraph, without what federation itself defines in it.
import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type NamedTypeNode,
  type ObjectTypeDefinitionNode,
  specifiedDirectives,
  type ValueNode,
  visit,
} from 'graphql'
import { linkedDirective } from '#gateway/federation/linked-directives.ts'

/**
 * Removes what is `@inaccessible`, and the definitions that the supergraph links, with their uses. Descriptions and default
 * values stay as they are in the supergraph.
 */
export function publicSchemaOf(supergraph: DocumentNode): DocumentNode {
  const linked = linkedNames(supergraph)
  const builtIn = new Set(specifiedDirectives.map(({ name }) => name))
  const isInaccessible = linkedDirective(supergraph, 'inaccessible', 'inaccessible')
  const hides = (name: string) =>
    linked.imported.has(name) || linked.specifications.has(name.split('__')[0] ?? '')
  const shown = ({ directives }: { readonly directives?: readonly ConstDirectiveNode[] | undefined }) =>
    isInaccessible(directives) ? null : undefined
  const document: DocumentNode = visit(
    { ...supergraph, definitions: supergraph.definitions.filter(one => isPublic(one, linked)) },
    {
      ObjectTypeDefinition: shown,
      InterfaceTypeDefinition: shown,
      UnionTypeDefinition: shown,
      EnumTypeDefinition: shown,
      InputObjectTypeDefinition: shown,
      ScalarTypeDefinition: shown,
      FieldDefinition: shown,
      InputValueDefinition: shown,
      EnumValueDefinition: shown,
      DirectiveDefinition: ({ name }) =>
        builtIn.has(name.value) || hides(`@${name.value}`) || hides(name.value) ? null : undefined,
      Directive: ({ name }) =>
        !builtIn.has(name.value) && (hides(`@${name.value}`) || hides(name.value)) ? null : undefined,
    },
  )
  return closed(document)
}

function isPublic(definition: DefinitionNode, linked: Linked): boolean {
  if (!('name' in definition) || !definition.name || definition.kind === Kind.DIRECTIVE_DEFINITION)
    return true
  return !isPartOf(definition.name.value, linked)
}

type Linked = {
  /** The names of linked specifications, such as `join` of https://specs.apollo.dev/join/v0.5. */
  readonly specifications: ReadonlySet<string>
  /** Imported names as they are written: a directive begins with @. */
  readonly imported: ReadonlySet<string>
}

function isPartOf(type: string, { specifications, imported }: Linked): boolean {
  const [specification = '', rest] = type.split('__')
  return imported.has(type) || (rest !== undefined && specifications.has(specification))
}

function linkedNames(supergraph: DocumentNode): Linked {
  const specifications = new Set<string>(['link', 'core'])
  const imported = new Set<string>()
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.SCHEMA_DEFINITION && definition.kind !== Kind.SCHEMA_EXTENSION) continue
    for (const { name, arguments: given = [] } of definition.directives ?? []) {
      if (name.value !== 'link' && name.value !== 'core') continue
      const named = new Map(given.map(argument => [argument.name.value, argument.value]))
      const url = textOf(named.get('url') ?? named.get('feature'))
      specifications.add(textOf(named.get('as')) ?? url?.split('/').at(-2) ?? '')
      for (const one of importsOf(named.get('import'))) imported.add(one)
    }
  }
  specifications.delete('')
  return { specifications, imported }
}

/** `["@hello", { name: "Vault", as: "Safe" }]`. */
function importsOf(value: ValueNode | undefined): string[] {
  if (value?.kind !== Kind.LIST) return []
  return value.values.flatMap(one => {
    if (one.kind !== Kind.OBJECT) return textOf(one) ?? []
    const named = new Map(one.fields.map(field => [field.name.value, field.value]))
    return textOf(named.get('as')) ?? textOf(named.get('name')) ?? []
  })
}

function textOf(value: ValueNode | undefined): string | undefined {
  return value?.kind === Kind.STRING ? value.value : undefined
}

function closed(document: DocumentNode): DocumentNode {
  const shown = new Set(
    document.definitions.flatMap(definition =>
      'name' in definition && definition.name ? [definition.name.value] : [],
    ),
  )
  const isShown = ({ name }: NamedTypeNode) => shown.has(name.value)
  const implementing = <Node extends ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode>(node: Node) =>
    node.interfaces?.every(isShown) === false
      ? { ...node, interfaces: node.interfaces.filter(isShown) }
      : undefined
  return visit(document, {
    UnionTypeDefinition: node =>
      node.types?.every(isShown) === false ? { ...node, types: node.types.filter(isShown) } : undefined,
    ObjectTypeDefinition: implementing,
    InterfaceTypeDefinition: implementing,
  })
}
