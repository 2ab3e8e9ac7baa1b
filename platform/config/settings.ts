// Live settings: one JSON file, watched, checked before it counts. Free of the environment and of any service's settings.
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** `current` is always a value that passed its schema. Listeners run after a change, in the order they were added. */
export type Settings<T> = AsyncDisposable & {
  current(): T
  /** Returns how to stop listening. */
  onChange(listener: (settings: T) => void): () => void
}

export type SettingsSource<T> = {
  /** `file:///path.json`; the schema's own defaults when left out. */
  readonly url?: string
  readonly schema: z.ZodType<T>
  readonly logger: Logger
}

const SETTLE_MS = 50

/**
 * Reads the settings and follows the file. A file that cannot be used is refused with a log line, and the last good
 * value stays; at the start there is none yet, so it throws OperatorError SETTINGS_INVALID.
 */
export async function openSettings<T>({ url, schema, logger }: SettingsSource<T>): Promise<Settings<T>> {
  if (url === undefined) return fixedSettings(parseSettings('{}', schema, 'the defaults'))
  const file = settingsFile(url)
  let text = await readSettings(file)
  let value = parseSettings(text, schema, file)
  const listeners = new Set<(settings: T) => void>()

  async function refresh(): Promise<void> {
    try {
      const next = await readSettings(file)
      if (next === text) return
      text = next
      value = parseSettings(next, schema, file)
      logger.info({ file }, 'settings changed')
    } catch (error) {
      logger.error({ err: error, file }, 'the settings file is refused; the last good settings stay')
      return
    }
    for (const listener of listeners) listener(value)
  }

  const stop = watchFile(file, () => void refresh())
  return {
    current: () => value,
    onChange: listener => subscribe(listeners, listener),
    async [Symbol.asyncDispose]() {
      stop()
      listeners.clear()
    },
  }
}

function fixedSettings<T>(value: T): Settings<T> {
  return { current: () => value, onChange: () => () => {}, async [Symbol.asyncDispose]() {} }
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function settingsFile(url: string): string {
  if (!url.startsWith('file://'))
    throw new OperatorError('SETTINGS_INVALID', `settings come from a file:// URL, not from ${url}`)
  return fileURLToPath(url)
}

async function readSettings(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new OperatorError('SETTINGS_INVALID', `the settings file ${file} cannot be read`, cause)
  }
}

function parseSettings<T>(text: string, schema: z.ZodType<T>, source: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new OperatorError('SETTINGS_INVALID', `${source} is not JSON`, cause)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new OperatorError('SETTINGS_INVALID', `${source} is not usable:\n${z.prettifyError(parsed.error)}`)
}

/** Watches the folder: editors and ConfigMaps replace a file rather than write it. Calls once per burst of changes. */
function watchFile(file: string, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const watcher: FSWatcher = watch(path.dirname(file), { persistent: false }, () => {
    clearTimeout(timer)
    timer = setTimeout(changed, SETTLE_MS)
  })
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
