// Lists the subgraphs. A name is also the subgraph's topic on the bus, and its key in consistency tokens.

/** Clients' cursors hold positions in this order: append, never rearrange. */
export const SUBGRAPHS = ['orders', 'inventory', 'payment', 'shipping'] as const
export type SubgraphName = (typeof SUBGRAPHS)[number]
