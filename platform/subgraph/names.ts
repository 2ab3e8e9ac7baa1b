// The names of the subgraphs. Each also names the topic that a subgraph publishes to, and its position in consistency tokens.

export const SUBGRAPHS = ['orders', 'inventory', 'payment', 'shipping'] as const
export type SubgraphName = (typeof SUBGRAPHS)[number]
