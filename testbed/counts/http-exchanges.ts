// Counts the HTTP requests that an instance's services have answered over sockets, by their metrics.

const COUNT = /^(waybill_http_(?:request_duration_seconds_count|local_requests_total)\{.*\}) (\d+)$/
const LOCAL = /^waybill_http_local/
/** Asked by whoever watches the services, not by the services. */
const WATCHED = /route="\/(metrics|health[^"]*)"/

/** Adds up the counts of the processes at `urls`, of which several may be one process. */
export async function httpExchanges(urls: readonly string[]): Promise<number> {
  const texts = await Promise.all(
    urls.map(async url => (await fetch(new URL('/metrics', url))).text().then(text => text.split('\n'))),
  )
  const counts = new Map<string, number>()
  for (const line of texts.flat()) {
    const [, series, count] = COUNT.exec(line) ?? []
    if (series === undefined || WATCHED.test(series)) continue
    counts.set(series, LOCAL.test(series) ? -Number(count) : Number(count))
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
