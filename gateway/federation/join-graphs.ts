// Reads the subgraphs that a supergraph names.
import { type DocumentNode, Kind } from 'graphql'

/** `graph` is the name in the supergraph's directives; `url` is empty when the supergraph has none. */
type JoinGraph = { readonly graph: string; readonly name: string; readonly url: string }

/** Reads `enum join__Graph { ORDERS @join__graph(name: "orders", url: "…") }` of the join specification. */
export function joinGraphs({ definitions }: DocumentNode): JoinGraph[] {
  return definitions.flatMap(definition => {
    if (definition.kind !== Kind.ENUM_TYPE_DEFINITION || definition.name.value !== 'join__Graph') return []
    return (definition.values ?? []).map(({ name: { value: graph }, directives }) => {
      const described = directives?.find(({ name }) => name.value === 'join__graph')
      const given = new Map(
        described?.arguments?.map(({ name, value }) => [
          name.value,
          value.kind === Kind.STRING ? value.value : '',
        ]),
      )
      return { graph, name: given.get('name') ?? graph, url: given.get('url') ?? '' }
    })
  })
}
