// Reads the supergraph from a file that may be replaced or written in place, and watches it.
import { watch } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { SourceLimits, SupergraphSource } from '#gateway/supergraph/source.ts'
import { OperatorError } from '#platform/domain/errors.ts'

/** A file counts as completely written when it has not changed for so long. */
const SETTLE_MS = 100
/** After so many attempts the file is read as it is. */
const MAX_SETTLES = 20

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this account may not read it',
  EISDIR: 'it is a folder',
}

type FileContent = { readonly text: string; readonly state: string }
type ReadBounds = { readonly maxBytes: number; readonly state: string | undefined }

/** Reads return undefined until the file differs from what the last read saw. */
export function openFileSource(url: URL, { maxBytes }: Pick<SourceLimits, 'maxBytes'>): SupergraphSource {
  const file = fileURLToPath(url)
  let state: string | undefined
  return {
    from: file,
    mayComeLater: false,
    async read() {
      try {
        const opened = await readSettled(file, { maxBytes, state })
        if (opened === undefined) return undefined
        state = opened.state
        return opened.text
      } catch (cause) {
        state = undefined
        throw cause instanceof OperatorError ? cause : unreadable(file, cause)
      }
    },
    watch: changed => watchFolder(file, changed),
  }
}

/** Returns undefined while the file is in the known state. */
async function readSettled(file: string, known: ReadBounds): Promise<FileContent | undefined> {
  for (let attempt = 0; attempt < MAX_SETTLES; attempt++) {
    const { isSettled, opened } = await look(file, known)
    if (isSettled) return opened
    await delay(SETTLE_MS)
  }
  return (await look(file, known)).opened
}

type Look = { readonly isSettled: boolean; readonly opened: FileContent | undefined }

async function look(file: string, known: ReadBounds): Promise<Look> {
  await using handle = await open(file)
  const found = await handle.stat({ bigint: true })
  const { mtimeNs, mtimeMs, ctimeNs, ino, size } = found
  const state = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  if (state === known.state) return { isSettled: true, opened: undefined }
  if (found.isFile() && size > known.maxBytes)
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `${file} has ${size} bytes; reload.maxBytes allows ${known.maxBytes}`,
    )
  const age = Date.now() - Number(mtimeMs)
  return { isSettled: age < 0 || age > SETTLE_MS, opened: { text: await handle.readFile('utf8'), state } }
}

function unreadable(file: string, cause: unknown): OperatorError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause))
  return new OperatorError('SUPERGRAPH_INVALID', `${file} cannot be read: ${reason}`, cause)
}

/** Watches the folder, since editors, deployments and ConfigMaps replace the file. Calls `changed` once per burst. */
function watchFolder(file: string, changed: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    clearTimeout(timer)
    watcher?.close()
  }
  const watcher = openWatcher(path.dirname(file), () => {
    clearTimeout(timer)
    timer = setTimeout(changed, SETTLE_MS).unref()
  })
  return { [Symbol.dispose]: stop }
}

/** Returns undefined where the system cannot watch the folder; polling finds changes there. */
function openWatcher(folder: string, changed: () => void) {
  try {
    const watcher = watch(folder, { persistent: false }, changed)
    return watcher.on('error', () => watcher.close())
  } catch {
    return undefined
  }
}
