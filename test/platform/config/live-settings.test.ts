import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { liveSettingsSchema, openLiveSettings } from '#platform/config/live-settings.ts'
import { createLogger } from '#platform/telemetry/logger.ts'

test('the log level follows the file, a bad value is refused, and no value restores the configured level', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-settings-'))
  const file = path.join(folder, 'settings.json')
  const lines: string[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: line => void lines.push(line) },
  })
  await writeFile(file, '{"logLevel":"warn"}')
  const settings = await openLiveSettings({
    url: pathToFileURL(file).href,
    schema: liveSettingsSchema([]),
    logger,
  })
  try {
    expect(logger.level).toBe('warn')
    await writeFile(file, '{"logLevel":"loud"}')
    await vi.waitFor(() => expect(lines.join()).toContain('refused'), 5000)
    expect(logger.level).toBe('warn')
    await writeFile(file, '{}')
    await vi.waitFor(() => expect(logger.level).toBe('info'), 5000)
  } finally {
    await settings[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
})
