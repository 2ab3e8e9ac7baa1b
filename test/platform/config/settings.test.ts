import { rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openSettings } from '#platform/config/settings.ts'
import { temporaryFolder } from '../auth/temporary-folder.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'
import { type SettingsSource, settingsContract } from './settings.contract.ts'

const { logger } = recordingLogger()

async function createFileSource(): Promise<SettingsSource> {
  const folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  return {
    url: pathToFileURL(file).href,
    name: file,
    async put(text) {
      if (text === undefined) return rm(file, { force: true })
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

describe('settings in a file', () => {
  settingsContract(createFileSource)

  test('are reloaded when the file is written in place, too', async () => {
    await using source = await createFileSource()
    await source.put('{"limit": 1}')
    const schema = z.object({ limit: z.number() })
    await using settings = await openSettings({ url: source.url, schema, logger })
    const changed = new Promise(resolve => settings.onChange(resolve))
    await writeFile(source.name, '{"limit": 2}')
    expect(await changed).toEqual({ limit: 2 })
  })
})

test('settings without a URL are the defaults', async () => {
  const schema = z.object({ limit: z.number().default(10) })
  await using settings = await openSettings({ schema, logger })
  expect(settings.current()).toEqual({ limit: 10 })
})

test.each([
  ['another scheme', 'http://somewhere/settings.json'],
  ['no key', 'consul://127.0.0.1:8500'],
])('a URL with %s is refused', async (_what, url) => {
  await expect(openSettings({ url, schema: z.object({}), logger })).rejects.toMatchObject({
    code: 'SETTINGS_INVALID',
    message: expect.stringContaining('CONFIG_URL'),
  })
})
