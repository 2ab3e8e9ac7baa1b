import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { openSettings } from '#platform/config/settings.ts'
import { temporaryFolder } from '../auth/temporary-folder.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

const schema = z.object({ limit: z.number().int().positive().default(10) })

it('has the defaults when there is no file', async () => {
  const { logger } = recordingLogger()
  await using settings = await openSettings({ schema, logger })
  expect(settings.current()).toEqual({ limit: 10 })
})

it('follows the file, also when it is replaced by renaming', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  await writeFile(file, '{"limit": 1}')
  const { logger } = recordingLogger()
  await using settings = await openSettings({ url: pathToFileURL(file).href, schema, logger })
  expect(settings.current()).toEqual({ limit: 1 })

  const changed = new Promise(resolve => settings.onChange(resolve))
  await writeFile(`${file}.new`, '{"limit": 2}')
  await rename(`${file}.new`, file)
  expect(await changed).toEqual({ limit: 2 })
  expect(settings.current()).toEqual({ limit: 2 })
})

it('refuses a bad value with a log line that names the field, and keeps the last good one', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  await writeFile(file, '{"limit": 1}')
  const { logger, seen } = recordingLogger()
  await using settings = await openSettings({ url: pathToFileURL(file).href, schema, logger })
  let changes = 0
  settings.onChange(() => changes++)

  await writeFile(file, '{"limit": -3}')
  const line = await seen('the last good settings stay')
  expect(line).toContain('limit')
  expect(settings.current()).toEqual({ limit: 1 })
  expect(changes).toBe(0)

  const changed = new Promise(resolve => settings.onChange(resolve))
  await writeFile(file, '{"limit": 4}')
  expect(await changed).toEqual({ limit: 4 })
})

it.each([
  ['is not there', undefined],
  ['is not JSON', '{'],
  ['does not fit', '{"limit": 0}'],
])('does not start with a file that %s', async (_case, text) => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  if (text !== undefined) await writeFile(file, text)
  const opening = openSettings({ url: pathToFileURL(file).href, schema, logger: recordingLogger().logger })
  await expect(opening).rejects.toMatchObject({ code: 'SETTINGS_INVALID' })
})
