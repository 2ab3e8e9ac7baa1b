// Live settings in a file that is watched.
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SettingsSource } from '#platform/config/settings-source.ts'
import { OperatorError } from '#platform/domain/errors.ts'

const SETTLE_MS = 50

/** Throws OperatorError SETTINGS_INVALID for a URL that names no file. */
export function openFileSource(url: string): SettingsSource {
  const file = settingsFile(url)
  const from = `the settings file ${file}, which CONFIG_URL names,`
  let stop = () => {}
  async function read(): Promise<string> {
    try {
      return await readFile(file, 'utf8')
    } catch (cause) {
      throw new OperatorError('SETTINGS_INVALID', `${from} cannot be read`, cause)
    }
  }
  return {
    from,
    read,
    watch(onText, onError) {
      stop = watchFile(file, () => void read().then(onText, onError))
    },
    async [Symbol.asyncDispose]() {
      stop()
    },
  }
}

function settingsFile(url: string): string {
  if (url.startsWith('file://')) return fileURLToPath(url)
  throw new OperatorError('SETTINGS_INVALID', `CONFIG_URL names a file:// or consul:// URL, not ${url}`)
}

/** Watches the folder, since editors and ConfigMaps replace a file rather than write it. Calls once per burst of changes. */
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
