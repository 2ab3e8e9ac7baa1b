// The names of the subgraphs. Each also names the topic that a subgraph publishes to, and its position in consistency tokens.

/** Clients' cursors hold positions in this order: append, never rearrange. */
export const SUBGRAPHS = ['orders', 'inventory', 'payment', 'shipping'] as const
export type SubgraphName = (typeof SUBGRAPHS)[number]
