// Reads the subgraphs that a supergraph names.
import { type DocumentNode, Kind } from 'graphql'
import { argumentsOf } from '#gateway/federation/linked-directives.ts'

/** `graph` is the name in the supergraph's directives; `url` is empty when the supergraph has none. */
type JoinGraph = { readonly graph: string; readonly name: string; readonly url: string }

/** Reads `enum join__Graph { ORDERS @join__graph(name: "orders", url: "…") }` of the join specification. */
export function joinGraphs({ definitions }: DocumentNode): JoinGraph[] {
  return definitions.flatMap(definition => {
    if (definition.kind !== Kind.ENUM_TYPE_DEFINITION || definition.name.value !== 'join__Graph') return []
    return (definition.values ?? []).map(({ name: { value: graph }, directives }) => {
      const described = directives?.find(({ name }) => name.value === 'join__graph')
      const given = described ? argumentsOf(described) : {}
      return { graph, name: String(given.name ?? graph), url: String(given.url ?? '') }
    })
  })
}
