// The settings that every service applies while it runs: its log level, and the time limits and circuit breakers of its calls.
import { z } from 'zod'
import { openSettings, type Settings, type SettingsOptions } from '#platform/config/settings.ts'
import type { Adjustment } from '#platform/resilience/policy.ts'

const MAX_TIMEOUT_MS = 600_000
const milliseconds = z.number().int().positive().max(MAX_TIMEOUT_MS, `should be ${MAX_TIMEOUT_MS} at most`)

/** The schema is that of the gateway's settings file. */
export const adjustmentSchema = z.strictObject({
  /** The time limit of one attempt. */
  timeoutMs: milliseconds.optional(),
  breaker: z
    .strictObject({
      threshold: z.number().gt(0).lt(1).optional(),
      windowMs: milliseconds.optional(),
      minimumPerSecond: z.number().positive().optional(),
      halfOpenAfterMs: milliseconds.optional(),
    })
    .optional(),
})

/** Spread into a service's own `z.strictObject({...})`. */
export const liveSettingsShape = {
  /** LOG_LEVEL by default. */
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
}

type LiveSettings = { readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | undefined }

/** Returns the schema of an object with optional members `names`, and no others. */
export function optionalKeys<const Name extends string, Schema extends z.ZodType>(
  names: readonly Name[],
  schema: Schema,
): z.ZodObject<Record<Name, z.ZodOptional<Schema>>, z.core.$strict> {
  const shape = Object.fromEntries(names.map(name => [name, schema.optional()]))
  return z.strictObject(shape as Record<Name, z.ZodOptional<Schema>>)
}

/** Returns the schema for a service that calls `dependencies`. */
export function liveSettingsSchema<const Name extends string>(dependencies: readonly Name[]) {
  return z.strictObject({
    ...liveSettingsShape,
    dependencies: optionalKeys(dependencies, adjustmentSchema).optional(),
  })
}

/** Watches the settings until they are disposed of, and applies `logLevel`, or the logger's own level when there is none. */
export async function openLiveSettings<T extends LiveSettings>(
  options: SettingsOptions<T>,
): Promise<Settings<T>> {
  const { logger } = options
  const own = logger.level
  const settings = await openSettings(options)
  const apply = ({ logLevel }: T) => {
    logger.level = logLevel ?? own
  }
  apply(settings.current())
  settings.onChange(apply)
  return settings
}

type Adjustments = { readonly dependencies?: Readonly<Record<string, Adjustment | undefined>> | undefined }

/** Returns the current adjustment of the calls to `name`. */
export function adjustmentOf(
  settings: { readonly current: () => Adjustments },
  name: string,
): () => Adjustment | undefined {
  return () => settings.current().dependencies?.[name]
}
