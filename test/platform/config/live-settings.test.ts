import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { liveSettingsSchema, openLiveSettings } from '#platform/config/live-settings.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { temporaryFolder } from '../auth/temporary-folder.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

test('the log level follows the file, a bad value is refused, and no value restores the configured level', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  const { logger, seen } = recordingLogger()
  await writeFile(file, '{"logLevel":"warn"}')
  const schema = liveSettingsSchema([])
  await using _settings = await openLiveSettings({ url: pathToFileURL(file).href, schema, logger })
  expect(logger.level).toBe('warn')
  await writeFile(file, '{"logLevel":"loud"}')
  expect(await seen('refused')).toContain('logLevel')
  expect(logger.level).toBe('warn')
  await writeFile(file, '{}')
  await vi.waitFor(() => expect(logger.level).toBe('info'), WAIT)
})
