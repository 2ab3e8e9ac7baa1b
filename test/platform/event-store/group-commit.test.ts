import { describe, expect, test } from 'vitest'
import { createGroupCommit, type GroupCommitOptions } from '#platform/event-store/group-commit.ts'

type Item = { readonly name: string; readonly weight?: number }

/** Groups that answer only when told to, and what they were sent. */
function grouping(options: Partial<GroupCommitOptions<Item, string>> = {}) {
  const sent: string[][] = []
  const gates: PromiseWithResolvers<void>[] = []
  const created = createGroupCommit<Item, string>({
    async send(items) {
      const names = items.map(({ name }) => name)
      sent.push(names)
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      await gate.promise
      if (names.includes('poison')) throw new Error('poison')
      return names.map(name => `done ${name}`)
    },
    keys: ({ name }) => name.split('+'),
    weight: ({ weight = 1 }) => weight,
    isPoison: error => error instanceof Error && error.message === 'poison',
    maxItems: 3,
    maxWeight: 10,
    maxQueued: 6,
    maxQueuedWeight: 100,
    ...options,
  })
  return { ...created, sent, add: (name: string, weight = 1) => created.add({ name, weight }), answer }

  /** Lets groups be answered until nothing is waiting. */
  async function answer(): Promise<string[][]> {
    let done = false
    const drained = created.drained().then(() => {
      done = true
    })
    while (!done) {
      for (const gate of gates.splice(0)) gate.resolve()
      await new Promise(setImmediate)
    }
    await drained
    return sent
  }
}

describe('group commit', () => {
  test('items that arrive together are sent together, up to the size of a group', async () => {
    const { add, answer } = grouping()
    const answers = Promise.all(['a', 'b', 'c', 'd'].map(name => add(name)))
    expect(await answer()).toEqual([['a', 'b', 'c'], ['d']])
    expect(await answers).toEqual(['done a', 'done b', 'done c', 'done d'])
  })

  test('a group contains a key once, and no later item with one of its keys overtakes an item that waits', async () => {
    const { add, answer } = grouping()
    void Promise.all(['a', 'a+b', 'b', 'c'].map(name => add(name)))
    expect(await answer()).toEqual([['a', 'c'], ['a+b'], ['b']])
  })

  test('a group is limited by weight, and an item that is heavier than the limit is sent alone', async () => {
    const { add, answer } = grouping()
    void Promise.all([add('a', 6), add('b', 6), add('c', 50), add('d', 4)])
    expect(await answer()).toEqual([['a'], ['b'], ['c'], ['d']])
  })

  test('a group that fails because of one item is sent again one by one, and only that item fails', async () => {
    const { add, answer } = grouping()
    const answers = Promise.allSettled(['a', 'poison', 'c'].map(name => add(name)))
    expect(await answer()).toEqual([['a', 'poison', 'c'], ['a'], ['poison'], ['c']])
    expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test('any other failure fails the whole group, once', async () => {
    const { add, answer } = grouping({ isPoison: () => false })
    const answers = Promise.allSettled(['a', 'poison'].map(name => add(name)))
    expect(await answer()).toEqual([['a', 'poison']])
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test("an item past the queue's limit fails at once with UNAVAILABLE", async () => {
    const { add, answer } = grouping()
    const answers = ['a', 'b', 'c', 'd', 'e', 'f'].map(name => add(name))
    await expect(add('g')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await answer()
    await Promise.all(answers)
  })

  test("an item past the queue's weight fails with UNAVAILABLE until the queue has drained", async () => {
    const { add, answer } = grouping()
    const heavy = add('a', 100)
    await expect(add('b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await answer()
    const light = add('c')
    await answer()
    expect(await Promise.all([heavy, light])).toEqual(['done a', 'done c'])
  })

  test('one group is in flight at a time', async () => {
    const { add, sent, answer } = grouping({ maxItems: 1 })
    void Promise.all(['a', 'b', 'c'].map(name => add(name)))
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    expect(sent).toEqual([['a']])
    expect(await answer()).toHaveLength(3)
  })
})
