// Deletes the records of old commands, a few blocks of their table at a time.
import type { Sessions } from '#platform/event-store/postgres/sessions.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { jittered, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

type RetentionOptions = {
  readonly sessions: Pick<Sessions, 'soft'>
  readonly retentionMs: number
  readonly now: () => Date
  readonly logger: StoreLogger | undefined
}

/** A mebibyte: about a thousand commands, read within a few milliseconds. */
const BLOCKS = 128
/** The table is gone through about this often, so that a command lives longer than it must by as much. */
const ROUND_MS = 86_400_000
const SHORTEST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 600_000

/**
 * The table is read in the order of its blocks, and not by an index on the time: that would have to be written with each
 * command. It is quick with few blocks, whatever the size of the table.
 */
const TRIM = `
  WITH trimmed AS (
    DELETE FROM event_store.commands WHERE ctid >= $1::tid AND ctid < $2::tid AND recorded_at < $3 RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM trimmed) AS trimmed,
         (pg_relation_size('event_store.commands') / current_setting('block_size')::int)::int AS blocks`

/** Deletes what is older than the retention among `BLOCKS` blocks. Returns how many commands, and the blocks of the table. */
export async function trimCommands(
  { sessions, retentionMs, now }: RetentionOptions,
  fromBlock: number,
): Promise<{ trimmed: number; blocks: number }> {
  const [row] = await sessions.soft<{ trimmed: number; blocks: number }>(TRIM, [
    `(${fromBlock},0)`,
    `(${fromBlock + BLOCKS},0)`,
    new Date(now().getTime() - retentionMs).toISOString(),
  ])
  return row ?? { trimmed: 0, blocks: 0 }
}

/** Goes round the table until it is disposed of. Each process does, from a place of its own. */
export function startCommandRetention(options: RetentionOptions): AsyncDisposable {
  const closing = new AbortController()

  async function run(): Promise<void> {
    let block = 0
    let pauseMs = LONGEST_PAUSE_MS * Math.random()
    for (let isFirst = true; ; isFirst = false) {
      await pauseUnlessAborted(pauseMs, closing.signal)
      if (closing.signal.aborted) return
      try {
        const { blocks } = await trimCommands(options, block)
        pauseMs = jittered(
          Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, (ROUND_MS * BLOCKS) / Math.max(blocks, 1))),
        )
        // Otherwise only the beginning is ever trimmed where processes do not live for long.
        block = isFirst ? Math.floor(Math.random() * blocks) : block + BLOCKS
        if (block >= blocks) block = 0
      } catch (err) {
        options.logger?.warn({ err }, 'old commands could not be deleted, trying again later')
      }
    }
  }

  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}
