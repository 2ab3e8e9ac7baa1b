// The settings that every kind of service takes on while it runs: how much it logs, and how it calls others. Free of where they are kept.
import { z } from 'zod'
import { openSettings, type Settings, type SettingsOptions } from '#platform/config/settings.ts'
import type { Adjustment } from '#platform/resilience/policy.ts'

const MAX_TIMEOUT_MS = 600_000
const milliseconds = z.number().int().positive().max(MAX_TIMEOUT_MS, `should be ${MAX_TIMEOUT_MS} at most`)

/** As in the gateway's settings file. */
export const adjustmentSchema = z.strictObject({
  /** Of one attempt. */
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

/** Spread into a kind's own `z.strictObject({...})`. */
export const liveSettingsShape = {
  /** As LOG_LEVEL says when left out. */
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
}

export type LiveSettings = { readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | undefined }

/** What is to be said of each of `names`, and of no other. */
export function optionalKeys<const Name extends string, Schema extends z.ZodType>(
  names: readonly Name[],
  schema: Schema,
): z.ZodObject<Record<Name, z.ZodOptional<Schema>>, z.core.$strict> {
  const shape = Object.fromEntries(names.map(name => [name, schema.optional()]))
  return z.strictObject(shape as Record<Name, z.ZodOptional<Schema>>)
}

/** What a service takes on that calls `dependencies`. */
export function liveSettingsSchema<const Name extends string>(dependencies: readonly Name[]) {
  return z.strictObject({
    ...liveSettingsShape,
    dependencies: optionalKeys(dependencies, adjustmentSchema).optional(),
  })
}

export type LiveOptions<T> = Omit<SettingsOptions<T>, 'url'> & {
  /** What CONFIG_URL holds. */
  readonly settingsUrl?: string | undefined
}

/** Follows the settings while they are open: the service logs at their `logLevel`, and at its own level when they name none. */
export async function openLiveSettings<T extends LiveSettings>({
  settingsUrl,
  ...options
}: LiveOptions<T>): Promise<Settings<T>> {
  const { logger } = options
  const own = logger.level
  const settings = await openSettings<T>({ ...options, ...(settingsUrl && { url: settingsUrl }) })
  const apply = ({ logLevel }: T) => {
    logger.level = logLevel ?? own
  }
  apply(settings.current())
  settings.onChange(apply)
  return settings
}

type Adjustments = { readonly dependencies?: Readonly<Record<string, Adjustment | undefined>> | undefined }

/** What is adjusted of the calls to `name` now. */
export function adjustmentOf(
  settings: { readonly current: () => Adjustments },
  name: string,
): () => Adjustment | undefined {
  return () => settings.current().dependencies?.[name]
}
