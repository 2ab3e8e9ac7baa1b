import { rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { openSupergraphSource } from '#gateway/supergraph/open.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'

const LIMITS = { maxBytes: 100, timeoutMs: 1 }
const LONG_AGO = new Date(0)

async function fileOf(text: string) {
  const folder = await temporaryFolder()
  const file = path.join(folder.path, 'supergraph.graphql')
  await writeFile(file, text)
  await utimes(file, LONG_AGO, LONG_AGO)
  return {
    folder: folder.path,
    file,
    source: openSupergraphSource(pathToFileURL(file), LIMITS),
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  }
}

test('a file is read once until it changes', async () => {
  await using opened = await fileOf('one')
  expect(await opened.source.read()).toBe('one')
  expect(await opened.source.read()).toBeUndefined()
  await writeFile(opened.file, 'two') // as long, and its time may be set back
  await utimes(opened.file, LONG_AGO, LONG_AGO)
  expect(await opened.source.read()).toBe('two')
})

test('a file that is being written is read once it is complete', async () => {
  await using opened = await fileOf('one')
  await opened.source.read()
  await writeFile(opened.file, 'begin')
  const read = opened.source.read()
  await writeFile(opened.file, 'begin and end')
  expect(await read).toBe('begin and end')
})

test('a file that was missing is read when it is back', async () => {
  await using opened = await fileOf('one')
  await opened.source.read()
  await rename(opened.file, `${opened.file}.old`)
  await expect(opened.source.read()).rejects.toMatchObject({
    code: 'SUPERGRAPH_INVALID',
    message: `${opened.file} cannot be read: there is no such file`,
  })
  await rename(`${opened.file}.old`, opened.file)
  expect(await opened.source.read()).toBe('one')
})

test('a source refuses a file that is too large and a path that is not a file', async () => {
  await using opened = await fileOf('x'.repeat(101))
  await expect(opened.source.read()).rejects.toThrow(/has 101 bytes; reload.maxBytes allows 100$/)
  await expect(openSupergraphSource(pathToFileURL(opened.folder), LIMITS).read()).rejects.toThrow(
    /cannot be read: it is a folder$/,
  )
})

test('the watch reports a replaced file and a ConfigMap whose link changes', async () => {
  await using opened = await fileOf('one')
  const { folder, source } = opened
  await writeFile(path.join(folder, 'next'), 'two')
  await rm(opened.file)
  await symlink('..data', opened.file)
  const changed = new Promise<void>(resolve => {
    const watching = source.watch(() => {
      watching[Symbol.dispose]()
      resolve()
    })
  })
  await symlink('next', path.join(folder, '..new'))
  await rename(path.join(folder, '..new'), path.join(folder, '..data'))
  await changed
  expect(await source.read()).toBe('two')
})
