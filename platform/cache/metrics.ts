// The metrics of a cache.
import { counter, gauge, histogram } from '#platform/telemetry/metrics.ts'

export type CacheMetrics = ReturnType<typeof createCacheMetrics>

/** The reason why a value was served and not kept: it lacks a change, has too many tags, or is too large. */
export type UnkeptReason = 'changed' | 'tags' | 'size'

/** Caches of one name in one process share their metrics. */
export function createCacheMetrics(cache: string) {
  const counted = (name: string, help: string) => counter(name, help, ['cache']).labels({ cache })
  const measured = (name: string, help: string) => gauge(name, help, ['cache']).labels({ cache })
  const byReason = (name: string, help: string) => counter(name, help, ['cache', 'reason'])
  const hits = counter('waybill_cache_hits_total', 'Values served fresh out of the cache, by tier', [
    'cache',
    'tier',
  ])
  const unkept = byReason('waybill_cache_unkept_total', 'Loaded values that were not kept, by reason')
  const loads = histogram('waybill_cache_load_seconds', 'Loads of values, by outcome', ['cache', 'outcome'])
  const remoteErrors = byReason(
    'waybill_cache_remote_errors_total',
    'Operations of tier 2 that failed, by reason',
  )
  return {
    memoryHits: hits.labels({ cache, tier: 'memory' }),
    remoteHits: hits.labels({ cache, tier: 'remote' }),
    misses: counted('waybill_cache_misses_total', 'Values that had to be loaded, or waited for'),
    stale: counted('waybill_cache_stale_total', 'Values served past their time, while they are renewed'),
    evictions: counted('waybill_cache_evictions_total', 'Values that left tier 1 for want of room'),
    dropped: counted('waybill_cache_dropped_total', 'Values that left tier 1 because of a change'),
    fenced: counted('waybill_cache_fenced_total', 'Values of tier 2 that lacked a change'),
    bytes: measured('waybill_cache_bytes', 'Memory that tier 1 takes, roughly'),
    remoteUp: measured('waybill_cache_remote_up', 'Whether tier 2 is in use'),
    unkept: (reason: UnkeptReason) => unkept.inc({ cache, reason }),
    loaded: (outcome: 'ok' | 'failed', ms: number) => loads.observe({ cache, outcome }, ms / 1000),
    remoteError: (reason: string) => remoteErrors.inc({ cache, reason }),
  }
}
