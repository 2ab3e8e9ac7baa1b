// The contract of live settings, for every source of them.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openSettings } from '#platform/config/settings.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

export type SettingsSource = AsyncDisposable & {
  /** The value of CONFIG_URL. */
  readonly url: string
  /** The name that errors give it. */
  readonly name: string
  /** Undefined takes it away. */
  put(text: string | undefined): Promise<void>
}

const schema = z.strictObject({ limit: z.number().int().positive().default(10) })

export function settingsContract(createSource: () => Promise<SettingsSource>): void {
  const open = (url: string, logger = recordingLogger().logger) => openSettings({ url, schema, logger })

  test('are read, and reloaded as they change', async () => {
    await using source = await createSource()
    await source.put('{"limit": 1}')
    await using settings = await open(source.url)
    expect(settings.current()).toEqual({ limit: 1 })
    const changed = new Promise(resolve => settings.onChange(resolve))
    await source.put('{"limit": 2}')
    expect(await changed).toEqual({ limit: 2 })
    expect(settings.current()).toEqual({ limit: 2 })
    expect(settings.health()).toMatchObject({ ok: true })
  })

  test.each([
    ['is not JSON', '{"limit":', /is not JSON/],
    ['is of the wrong type', '{"limit": "many"}', /limit: should be a number/],
    ['is out of range', '{"limit": -3}', /limit: should be more than 0/],
    ['has an unknown name', '{"limits": 3}', /"limits"/],
    ['is gone', undefined, /cannot be read|does not exist/],
  ])(
    'a value that %s is refused by its name, and the previous one stays until a valid one comes',
    async (_what, bad, said) => {
      await using source = await createSource()
      await source.put('{"limit": 1}')
      const { logger, seen } = recordingLogger()
      await using settings = await open(source.url, logger)
      const received: unknown[] = []
      settings.onChange(value => received.push(value))

      await source.put(bad)
      const line = await seen('the last good settings stay')
      expect(line).toContain(source.name)
      expect(line).toContain('CONFIG_URL')
      expect(JSON.parse(line).err.message).toMatch(said)
      expect(settings.health()).toMatchObject({ ok: false, detail: expect.stringMatching(said) })
      expect(settings.current()).toEqual({ limit: 1 })
      expect(received).toEqual([])

      const changed = new Promise(resolve => settings.onChange(resolve))
      await source.put('{"limit": 4}')
      expect(await changed).toEqual({ limit: 4 })
      expect(settings.health()).toMatchObject({ ok: true })
    },
  )

  test.each([
    ['that do not exist', undefined],
    ['that are not JSON', '{'],
    ['that are out of range', '{"limit": 0}'],
  ])('a service does not start with settings %s', async (_what, text) => {
    await using source = await createSource()
    await source.put(text)
    await expect(open(source.url)).rejects.toMatchObject({
      code: 'SETTINGS_INVALID',
      message: expect.stringMatching(/CONFIG_URL/),
    })
  })
}
