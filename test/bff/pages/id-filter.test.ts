import { expect, test } from 'vitest'
import { createIdFilter } from '#bff/pages/id-filter.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

const IDS = Array.from({ length: 1_000 }, (_, index) => `ord_${String(index).padStart(4, '0')}`)

function pageAfter(after: string | undefined): readonly string[] {
  const start = after === undefined ? 0 : IDS.indexOf(after) + 1
  return IDS.slice(start, start + 64)
}

test('every id may exist until the ids are read, and then only the read ones, with few false positives', async () => {
  await using known = createIdFilter({ loadPage: async after => pageAfter(after), ...recordingLogger() })
  const filling = known.fill()
  expect(known.mayExist('made up')).toBe(true)
  await filling
  expect(known.mayExist('made up')).toBe(false)
  expect(IDS.every(known.mayExist)).toBe(true)
  expect(IDS.filter(id => known.mayExist(`${id}x`)).length).toBeLessThan(30)
})

test('the filter contains ids that were created while the ids were read, and later', async () => {
  const started = Promise.withResolvers<void>()
  const page = Promise.withResolvers<readonly string[]>()
  await using known = createIdFilter({
    loadPage: () => {
      started.resolve()
      return page.promise
    },
    ...recordingLogger(),
  })
  const filling = known.fill()
  await started.promise
  known.add('ord_during')
  page.resolve([])
  await filling
  known.add('ord_later')
  expect(['ord_during', 'ord_later', 'ord_never'].map(known.mayExist)).toEqual([true, true, false])
})

test('the filter continues after a failure from where it was', async () => {
  const recording = recordingLogger()
  const cursors: (string | undefined)[] = []
  await using known = createIdFilter({
    retryMs: 1,
    ...recording,
    loadPage: async after => {
      cursors.push(after)
      if (cursors.length % 2 === 0) throw new Error('away')
      return pageAfter(after)
    },
  })
  await known.fill()
  expect(cursors.filter(after => after === undefined)).toHaveLength(1)
  expect(IDS.every(known.mayExist)).toBe(true)
  expect(recording.lines.join()).toContain('any id may exist')
})

test('a new fill replaces the contents, and ends the previous fill', async () => {
  let ids: readonly string[] = ['ord_old']
  const held = Promise.withResolvers<void>()
  let hold = false
  await using known = createIdFilter({
    ...recordingLogger(),
    loadPage: async after => {
      const page = after === undefined ? ids : []
      if (hold) await held.promise
      return page
    },
  })
  await known.fill()
  hold = true
  const left = known.fill()
  expect(known.mayExist('anything')).toBe(true)
  hold = false
  ids = ['ord_new']
  await known.fill()
  held.resolve()
  await left
  expect(['ord_new', 'ord_old', 'anything'].map(known.mayExist)).toEqual([true, false, false])
})

test('the filter grows far past its first capacity with few false positives', async () => {
  await using known = createIdFilter({ capacity: 16, loadPage: async () => [], ...recordingLogger() })
  await known.fill()
  for (const id of IDS) known.add(id)
  expect(IDS.every(known.mayExist)).toBe(true)
  expect(IDS.filter(id => known.mayExist(`${id}x`)).length).toBeLessThan(30)
})
