import { expect, test } from 'vitest'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'

function gated(log: string[], name: string) {
  const gate = Promise.withResolvers<void>()
  return {
    open: gate.resolve,
    async work() {
      log.push(`${name} begins`)
      await gate.promise
      log.push(`${name} ends`)
      return name
    },
  }
}

test('work that shares a key runs one after another, work with other keys concurrently', async () => {
  const queue = createKeyedQueue()
  const log: string[] = []
  const [a, b, c] = [gated(log, 'a'), gated(log, 'b'), gated(log, 'c')]
  const all = Promise.all([queue.run(['x'], a.work), queue.run(['x'], b.work), queue.run(['y'], c.work)])
  await new Promise(setImmediate)
  expect(log).toEqual(['a begins', 'c begins'])
  for (const { open } of [b, a, c]) open()
  expect(await all).toEqual(['a', 'b', 'c'])
  expect(log.indexOf('b begins')).toBeGreaterThan(log.indexOf('a ends'))
})

test('work with several keys in any order never deadlocks', async () => {
  const queue = createKeyedQueue()
  const turns = Array.from({ length: 50 }, (_, n) =>
    queue.run(n % 2 ? ['x', 'y'] : ['y', 'x', 'x'], () => new Promise<void>(setImmediate)),
  )
  await Promise.all(turns)
})

test('work that throws does not block the next', async () => {
  const queue = createKeyedQueue()
  const failing = queue.run(['x'], () => Promise.reject(new Error('no')))
  const next = queue.run(['x'], async () => 'yes')
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('yes')
})

test("work past the queue's limit fails at once with UNAVAILABLE", async () => {
  const queue = createKeyedQueue()
  const gate = Promise.withResolvers<void>()
  const waiting = Array.from({ length: 10_000 }, () => queue.run(['x'], () => gate.promise))
  await expect(queue.run(['x'], async () => {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  gate.resolve()
  await Promise.all(waiting)
})
