// Counts the HTTP requests that an instance's services have answered, by their metrics.

const COUNT = /^waybill_http_request_duration_seconds_count\{(.*)\} (\d+)$/
/** Asked by whoever watches the services, not by the services. */
const WATCHED = /route="\/(metrics|health[^"]*)"/

/** Adds up the counts of the processes at `urls`, of which several may be one process. */
export async function httpExchanges(urls: readonly string[]): Promise<number> {
  const texts = await Promise.all(
    urls.map(async url => (await fetch(new URL('/metrics', url))).text().then(text => text.split('\n'))),
  )
  const counts = new Map<string, number>()
  for (const line of texts.flat()) {
    const [, labels, count] = COUNT.exec(line) ?? []
    if (labels !== undefined && !WATCHED.test(labels)) counts.set(labels, Number(count))
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
