// Live settings: one JSON value, followed where it is kept, checked before it counts. Free of the environment and of any service's settings.
import type { z } from 'zod'
import type { SettingsSource } from '#platform/config/settings-source.ts'
import { problemsByLine, validationMessage } from '#platform/config/validation-messages.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Health } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** `current` is always a value that passed its schema. Listeners run after a change, in the order they were added. */
export type Settings<T> = AsyncDisposable & {
  current(): T
  /** Returns how to stop listening. */
  onChange(listener: (settings: T) => void): () => void
  /** Not ok while the source is away, or holds what is refused. */
  health(): Health
}

export type SettingsOptions<T> = {
  /**
   * `file:///path.json`, `consul://host:port/key` or `consul+https://host:port/key`; the schema's own defaults when left
   * out.
   */
  readonly url?: string
  /** What CONSUL_HTTP_TOKEN holds. */
  readonly token?: string | undefined
  readonly schema: z.ZodType<T>
  readonly logger: Logger
  /** How long a source that is away may be waited for at the start; a minute when left out. */
  readonly startTimeoutMs?: number
}

const START_TIMEOUT_MS = 60_000

/**
 * Reads the settings and follows them. A value that cannot be used is refused with a log line that says what it should
 * hold, and the last good one stays; at the start there is none yet, so it throws OperatorError SETTINGS_INVALID, or
 * CONSUL_AWAY when Consul stays away, and CONSUL_DENIED.
 */
export async function openSettings<T>(options: SettingsOptions<T>): Promise<Settings<T>> {
  const { url, schema, logger } = options
  if (url === undefined) return fixedSettings(parseSettings('{}', schema, 'the defaults'))
  await using open = new AsyncDisposableStack()
  const source = open.use(await openSource(url, options))
  const first = await source.read()
  const followed = followSettings(
    source,
    { text: first, value: parseSettings(first, schema, source.from) },
    options,
  )
  logger.info({ from: source.from }, 'settings are followed')
  const opened = open.move()
  return { ...followed, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

async function openSource<T>(
  url: string,
  { logger, token, startTimeoutMs = START_TIMEOUT_MS }: SettingsOptions<T>,
): Promise<SettingsSource> {
  if (/^consul(\+https)?:/.test(url)) {
    const { openConsulSource } = await import('#platform/config/settings-source.consul.ts')
    return openConsulSource({ url, token, logger, startTimeoutMs })
  }
  const { openFileSource } = await import('#platform/config/settings-source.file.ts')
  return openFileSource(url)
}

type Held<T> = { text: string; value: T }

function followSettings<T>(
  source: SettingsSource,
  held: Held<T>,
  { schema, logger }: SettingsOptions<T>,
): Omit<Settings<T>, typeof Symbol.asyncDispose> {
  const { from } = source
  const listeners = new Set<(settings: T) => void>()
  let trouble: string | undefined

  function failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (reason !== trouble)
      logger.error({ err: error, from }, 'the settings are refused or away; the last good settings stay')
    trouble = reason
  }

  function told(text: string): void {
    const before = held.text
    try {
      if (text !== before) Object.assign(held, { text, value: parseSettings(text, schema, from) })
      trouble = undefined
    } catch (error) {
      failed(error)
    }
    if (held.text === before) return
    logger.info({ from }, 'settings changed')
    for (const listener of listeners) listener(held.value)
  }

  source.watch(told, failed)
  return {
    current: () => held.value,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    health: () => (trouble === undefined ? { ok: true, detail: from } : { ok: false, detail: trouble }),
  }
}

function fixedSettings<T>(value: T): Settings<T> {
  return {
    current: () => value,
    onChange: () => () => {},
    health: () => ({ ok: true }),
    async [Symbol.asyncDispose]() {},
  }
}

function parseSettings<T>(text: string, schema: z.ZodType<T>, from: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new OperatorError('SETTINGS_INVALID', `${from} is not JSON`, cause)
  }
  const parsed = schema.safeParse(json, { error: validationMessage })
  if (parsed.success) return parsed.data
  throw new OperatorError('SETTINGS_INVALID', `${from} is not usable:\n${problemsByLine(parsed.error)}`)
}
