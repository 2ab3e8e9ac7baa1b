// Reads the projection lag, from recording an event to its view showing it, from the subgraphs' metrics.

const METRIC = 'waybill_projection_lag_seconds'

/** Cumulative counts by the bucket's upper bound in seconds. */
type LagBuckets = ReadonlyMap<number, number>

/** Adds up the buckets of the processes at `urls`, which may share metrics. */
export async function lagBuckets(urls: readonly string[]): Promise<LagBuckets> {
  const sums = new Map<number, number>()
  const seen = new Set<string>()
  for (const url of urls) {
    const origin = new URL(url)
    const text = await fetch(new URL('/metrics', origin)).then(response => response.text())
    for (const line of text.split('\n')) {
      const [, labels = '', count] = line.match(new RegExp(`^${METRIC}_bucket\\{(.*)\\} (\\d+)$`)) ?? []
      if (count === undefined || seen.has(labels)) continue // services of one process share its metrics
      seen.add(labels)
      const bound = /le="([^"]+)"/.exec(labels)?.[1] ?? '+Inf'
      const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
      sums.set(seconds, (sums.get(seconds) ?? 0) + Number(count))
    }
  }
  return sums
}

/** Returns the upper bounds of the buckets that hold the median and the 99th percentile, in milliseconds. */
export function lagQuantiles(before: LagBuckets, after: LagBuckets): { p50: number; p99: number } {
  const counts = [...after]
    .map(([bound, count]) => ({ bound, count: count - (before.get(bound) ?? 0) }))
    .sort((a, b) => a.bound - b.bound)
  const total = counts.at(-1)?.count ?? 0
  const at = (share: number) =>
    (counts.find(({ count }) => count >= total * share)?.bound ?? Number.NaN) * 1000
  return { p50: at(0.5), p99: at(0.99) }
}
