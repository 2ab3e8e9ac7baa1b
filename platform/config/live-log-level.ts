// The settings that take effect without a restart: how much a service logs. Read from the file that CONFIG_URL names.
import { z } from 'zod'
import { openSettings } from '#platform/config/settings.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

const schema = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
})

/** Follows the file while it is open: the service logs at its `logLevel`, and at its own level when it names none. */
export async function followLogLevel({
  settingsUrl,
  logger,
}: {
  readonly settingsUrl?: string
  readonly logger: Logger
}): Promise<AsyncDisposable> {
  const own = logger.level
  const settings = await openSettings({ ...(settingsUrl && { url: settingsUrl }), schema, logger })
  const apply = ({ logLevel }: z.infer<typeof schema>) => {
    logger.level = logLevel ?? own
  }
  apply(settings.current())
  settings.onChange(apply)
  return settings
}
