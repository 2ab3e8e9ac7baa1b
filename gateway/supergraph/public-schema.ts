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
  visit,
} from 'graphql'
import { importsOf, linkedDirective, linksOf } from '#gateway/federation/linked-directives.ts'

/**
 * Removes what is `@inaccessible`, and the definitions that the supergraph links, with their uses. Descriptions and default
 * values stay as they are in the supergraph.
 */
export function publicSchemaOf(supergraph: DocumentNode): DocumentNode {
  const linked = linkedNames(supergraph)
  const builtIn = new Set(specifiedDirectives.map(({ name }) => name))
  const isInaccessible = linkedDirective(supergraph, 'inaccessible', 'inaccessible')
  const isLinked = (directive: string) =>
    linked.imported.has(`@${directive}`) || linked.specifications.has(directive.split('__')[0] ?? '')
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
      DirectiveDefinition: ({ name }) => (builtIn.has(name.value) || isLinked(name.value) ? null : undefined),
      Directive: ({ name }) => (!builtIn.has(name.value) && isLinked(name.value) ? null : undefined),
    },
  )
  return closed(document)
}

function isPublic(definition: DefinitionNode, { specifications, imported }: Linked): boolean {
  if (!('name' in definition) || !definition.name || definition.kind === Kind.DIRECTIVE_DEFINITION)
    return true
  const type = definition.name.value
  const [specification = '', rest] = type.split('__')
  return !imported.has(type) && (rest === undefined || !specifications.has(specification))
}

type Linked = {
  /** The names of linked specifications, such as `join` of https://specs.apollo.dev/join/v0.5. */
  readonly specifications: ReadonlySet<string>
  /** Imported names as they are written: a directive begins with @. */
  readonly imported: ReadonlySet<string>
}

function linkedNames(supergraph: DocumentNode): Linked {
  const links = [...linksOf(supergraph), ...linksOf(supergraph, 'core')]
  const specifications = links.map(
    ({ as, url, feature }) =>
      as ??
      String(url ?? feature)
        .split('/')
        .at(-2),
  )
  return {
    specifications: new Set(['link', 'core', ...specifications.flatMap(name => (name ? String(name) : []))]),
    imported: new Set(links.flatMap(importsOf).map(({ as }) => as)),
  }
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
