// Live settings: one JSON value that is watched at its source and validated before it applies.
import type { z } from 'zod'
import type { SettingsSource } from '#platform/config/settings-source.ts'
import { problemsByLine, validationMessage } from '#platform/config/validation-messages.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Health } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** `current` is always a value that passed its schema. Listeners run after a change, in the order they were added. */
export type Settings<T> = AsyncDisposable & {
  current(): T
  /** Returns what removes the listener. */
  onChange(listener: (settings: T) => void): () => void
  /** Not ok while the source is unreachable, or holds an invalid value. */
  health(): Health
}

export type SettingsOptions<T> = {
  /**
   * `file:///path.json`, `consul://host:port/key` or `consul+https://host:port/key`.
   * The schema's own defaults apply without it.
   */
  readonly url?: string | undefined
  /** The value of CONSUL_HTTP_TOKEN. */
  readonly token?: string | undefined
  readonly schema: z.ZodType<T>
  readonly logger: Logger
  /** How long to wait for an unreachable source at the start; 60 s by default. */
  readonly startTimeoutMs?: number
}

const START_TIMEOUT_MS = 60_000

/**
 * Reads the settings and watches them. An invalid value is logged with what it should hold, and the last valid one stays. At
 * the start there is none yet, so it throws OperatorError SETTINGS_INVALID, or CONSUL_AWAY and CONSUL_DENIED.
 */
export async function openSettings<T>(options: SettingsOptions<T>): Promise<Settings<T>> {
  const { url, schema, logger } = options
  if (url === undefined) return fixedSettings(parseSettings('{}', schema, 'the defaults'))
  await using open = new AsyncDisposableStack()
  const source = open.use(await openSource(url, options))
  const first = await source.read()
  const watched = watchSettings(
    source,
    { text: first, value: parseSettings(first, schema, source.from) },
    options,
  )
  logger.info({ from: source.from }, 'watching live settings')
  const opened = open.move()
  return { ...watched, [Symbol.asyncDispose]: () => opened.disposeAsync() }
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

type Current<T> = { text: string; value: T }

function watchSettings<T>(
  source: SettingsSource,
  current: Current<T>,
  { schema, logger }: SettingsOptions<T>,
): Omit<Settings<T>, typeof Symbol.asyncDispose> {
  const { from } = source
  const listeners = new Set<(settings: T) => void>()
  let problem: string | undefined

  function onError(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (reason !== problem)
      logger.error(
        { err: error, from },
        'live settings were refused or are unreachable, the last good settings stay',
      )
    problem = reason
  }

  function onText(text: string): void {
    const before = current.text
    try {
      if (text !== before) Object.assign(current, { text, value: parseSettings(text, schema, from) })
      problem = undefined
    } catch (error) {
      onError(error)
    }
    if (current.text === before) return
    logger.info({ from }, 'live settings changed')
    for (const listener of listeners) listener(current.value)
  }

  source.watch(onText, onError)
  return {
    current: () => current.value,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    health: () => (problem === undefined ? { ok: true, detail: from } : { ok: false, detail: problem }),
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
