// Tests what every read models adapter promises: a suite that takes the adapter.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type {
  Collection,
  CollectionDefinition,
  Document,
  Filter,
  Query,
  ReadModels,
} from '#platform/read-models/read-models.ts'

type Order = {
  readonly customer?: { readonly id: string; readonly name: string }
  readonly status?: string | null
  readonly total?: number | string | boolean | null
  readonly paid?: boolean
  readonly stock?: { readonly [sku: string]: number }
  readonly note?: string
}

const INDEXES = [['status', 'total'], ['total'], ['customer.id', 'total']]
let names = 0

function orders(terms = true): CollectionDefinition<Order> {
  names += 1
  return {
    name: `orders_${names}`,
    version: 1,
    indexes: INDEXES,
    ...(terms && { terms: (order: Order) => [order.customer?.name ?? '', order.note ?? ''] }),
  }
}

/** `open` opens the adapter on an empty engine, again and again on the same one. */
export function readModelsContract(adapter: string, open: () => Promise<ReadModels>): void {
  describe(`read models on ${adapter}`, () => {
    let models: ReadModels
    beforeAll(async () => {
      models = await open()
    })
    afterAll(() => models[Symbol.asyncDispose]())

    async function filled(docs: Readonly<Record<string, Order>>): Promise<Collection<Order>> {
      const collection = await models.collection(orders())
      await collection.write(Object.entries(docs).map(([id, doc]) => ({ id, doc, position: 1 })))
      return collection
    }

    async function ids(collection: Collection<Order>, ...where: Filter[]): Promise<string[]> {
      const { items } = await collection.find({ where, limit: 1_000 })
      expect(await collection.count(where)).toBe(items.length)
      return items.map(item => item.id)
    }

    async function walk(collection: Collection<Order>, query: Query): Promise<string[]> {
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await collection.find({ ...query, ...(after !== undefined && { after }) })
        seen.push(...page.items.map(item => item.id))
        if (!(await page.hasNext())) return seen
        after = page.items.at(-1)?.cursor
      }
    }

    /** Reads a list from its end to its front. */
    async function walkBack(collection: Collection<Order>, query: Query): Promise<string[]> {
      const seen: string[] = []
      for (let before: string | undefined; ; ) {
        const page = await collection.find({
          ...query,
          fromEnd: true,
          ...(before !== undefined && { before }),
        })
        seen.unshift(...page.items.map(item => item.id))
        expect(await page.hasNext()).toBe(before !== undefined)
        if (!(await page.hasPrevious())) return seen
        before = page.items.at(0)?.cursor
      }
    }

    test('a document is read back as it was written', async () => {
      const doc = {
        customer: { id: 'c1', name: 'Zoë "Z" \\u0000 o\'Hara 🦊' },
        total: 1.5,
        paid: false,
        note: '',
      }
      const collection = await filled({ a: doc, 'b-ü': { stock: { 'AB.1': 2, $x: 3 } } })
      expect(await collection.get('a')).toEqual(doc)
      expect(await collection.get('b-ü')).toEqual({ stock: { 'AB.1': 2, $x: 3 } })
      expect(await collection.get('c')).toBeUndefined()
      expect(await collection.getMany(['a', 'c', 'a'])).toEqual(new Map([['a', doc]]))
      expect(await collection.getMany([])).toEqual(new Map())
    })

    test('text that an engine cannot store fails neither a write nor a query', async () => {
      const collection = await filled({ a: { note: 'x\0y', status: '\ud800' }, b: { status: 'ok' } })
      expect((await collection.get('a'))?.note?.at(0)).toBe('x')
      expect(await ids(collection, { path: 'status', equals: 'o\0' })).toEqual([])
      expect(await ids(collection, { matching: '\0\ud800' })).toEqual([])
      expect(await collection.get('a\0')).toBeUndefined()
    })

    test('a write takes effect only if its position is past the stored one', async () => {
      const collection = await filled({})
      await collection.write([{ id: 'a', doc: { total: 5 }, position: 5 }])
      await collection.write([
        { id: 'a', doc: { total: 4 }, position: 4 },
        { id: 'b', doc: { total: 1 }, position: 1 },
      ])
      await collection.write([{ id: 'a', doc: { total: 6 }, position: 5 }])
      expect(await collection.getMany(['a', 'b'])).toEqual(
        new Map([
          ['a', { total: 5 }],
          ['b', { total: 1 }],
        ]),
      )
      await collection.write([{ id: 'a', doc: { total: 6 }, position: 6 }])
      expect(await collection.get('a')).toEqual({ total: 6 })
    })

    test('a deleted document cannot be read, and keeps its position', async () => {
      const collection = await filled({ a: { status: 'open' }, b: { status: 'open' } })
      await collection.write([{ id: 'a', doc: null, position: 7 }])
      await collection.write([{ id: 'a', doc: { status: 'open' }, position: 6 }])
      expect(await collection.get('a')).toBeUndefined()
      expect(await collection.getMany(['a'])).toEqual(new Map())
      expect(await ids(collection, { path: 'status', equals: 'open' })).toEqual(['b'])
      expect(await ids(collection)).toEqual(['b'])
      expect(await collection.load(['a', 'b', 'c'])).toEqual(
        new Map([
          ['a', { doc: null, position: 7 }],
          ['b', { doc: { status: 'open' }, position: 1 }],
        ]),
      )
      await collection.write([{ id: 'a', doc: { status: 'back' }, position: 8 }])
      expect(await collection.get('a')).toEqual({ status: 'back' })
    })

    test('concurrent writers leave the newest document, whatever their order', async () => {
      const collection = await filled({})
      const ids = Array.from({ length: 300 }, (_, index) => `o${index}`)
      const batch = (position: number) =>
        (position % 2 ? ids : ids.toReversed()).map(id => ({ id, doc: { total: position }, position }))
      await Promise.all(Array.from({ length: 24 }, (_, index) => collection.write(batch(24 - index))))
      const stored = await collection.load(ids)
      expect([...stored.values()]).toEqual(ids.map(() => ({ doc: { total: 24 }, position: 24 })))
    })

    test('a writer loads from and writes to several collections, and tells when a write did not count', async () => {
      const [one, other] = [await models.collection(orders()), await models.collection(orders(false))]
      await using writer = await models.writer(() => {})
      const all = [one, other].map(collection => collection as unknown as Collection<Document>)
      const write = (ids: readonly string[], position: number, durable: boolean) =>
        writer.write(
          all.map(collection => ({
            collection,
            writes: ids.map(id => ({ id, doc: { note: `at ${position}` }, position })),
          })),
          { durable },
        )
      expect(await write(['b', 'a'], 2, false)).toBe(true)
      expect(await write(['c', 'a'], 1, true)).toBe(false)
      expect(await write(['a'], 3, true)).toBe(true)
      const stored = (position: number) => ({ doc: { note: `at ${position}` }, position })
      const wanted = all.map(collection => ({ collection, ids: ['a', 'b', 'c', 'd'] }))
      const found = await writer.load(wanted)
      const expected = { a: stored(3), b: stored(2), c: stored(1) }
      expect(found.map(documents => Object.fromEntries(documents))).toEqual([expected, expected])
      expect(await ids(one, { matching: '3' })).toEqual(['a'])
    })

    test('equality distinguishes types, long strings and nested paths', async () => {
      const long = 'ä'.repeat(300)
      const collection = await filled({
        a: { status: 'open', total: 1, paid: true, customer: { id: 'c1', name: '' } },
        b: { status: 'OPEN', total: '1', paid: false },
        c: { status: long, total: true },
        d: { status: `${long}!`, total: null },
        e: { status: long.slice(0, 200) },
      })
      expect(await ids(collection, { path: 'status', equals: 'open' })).toEqual(['a'])
      expect(await ids(collection, { path: 'total', equals: 1 })).toEqual(['a'])
      expect(await ids(collection, { path: 'total', equals: '1' })).toEqual(['b'])
      expect(await ids(collection, { path: 'total', equals: true })).toEqual(['c'])
      expect(await ids(collection, { path: 'paid', equals: false })).toEqual(['b'])
      expect(await ids(collection, { path: 'status', equals: long })).toEqual(['c'])
      expect(await ids(collection, { path: 'status', equals: long.slice(0, 200) })).toEqual(['e'])
      expect(await ids(collection, { path: 'status', in: [`${long}!`, 'open'] })).toEqual(['a', 'd'])
      expect(await ids(collection, { path: 'customer.id', equals: 'c1' })).toEqual(['a'])
      expect(await ids(collection, { path: 'total', in: [1, '1', 2] })).toEqual(['a', 'b'])
      expect(await ids(collection, { path: 'total', in: [] })).toEqual([])
    })

    test('a range includes its lower bound, excludes its upper one, and matches only values of its type', async () => {
      const collection = await filled({
        a: { total: -2.5 },
        b: { total: 0 },
        c: { total: 10 },
        d: { total: '5' },
        e: { total: 'é' },
        f: { total: true },
        g: {},
        h: { total: 1e21 },
      })
      expect(await ids(collection, { path: 'total', from: -2.5, to: 10 })).toEqual(['a', 'b'])
      expect(await ids(collection, { path: 'total', from: 0 })).toEqual(['b', 'c', 'h'])
      expect(await ids(collection, { path: 'total', to: 0 })).toEqual(['a'])
      expect(await ids(collection, { path: 'total', from: '5' })).toEqual(['d', 'e'])
      expect(await ids(collection, { path: 'total', to: 'é' })).toEqual(['d'])
    })

    test('a range of a sparse path finds the documents that have a value there', async () => {
      const collection = await models.collection({ ...orders(), indexes: [], sparse: ['status'] })
      const write = (id: string, doc: Order | null, position: number) =>
        collection.write([{ id, doc, position }])
      await write('a', { status: 'x' }, 1)
      await write('b', { total: 1 }, 2)
      await write('c', { status: 'y' }, 3)
      await write('d', { status: 'w' }, 4)
      const query = { where: [{ path: 'status', from: '' }], orderBy: { path: 'status' }, limit: 2 }
      expect(await walk(collection, query)).toEqual(['d', 'a', 'c'])
      await write('a', { total: 2 }, 5)
      await write('b', { status: 'z' }, 6)
      await write('d', null, 7)
      expect(await walk(collection, query)).toEqual(['c', 'b'])
      expect(await ids(collection)).toEqual(['a', 'b', 'c'])
    })

    test('filters are joined by and', async () => {
      const collection = await filled({
        a: { status: 'open', total: 1 },
        b: { status: 'open', total: 2 },
        c: { status: 'shut', total: 2 },
      })
      const where: Filter[] = [
        { path: 'status', equals: 'open' },
        { path: 'total', from: 2 },
        { path: 'total', to: 9 },
      ]
      expect(await ids(collection, ...where)).toEqual(['b'])
    })

    test('matching finds documents by the beginnings of their words, without accents and case', async () => {
      const collection = await filled({
        a: { customer: { id: '', name: 'Señor José-Luis ÅNGSTRÖM' }, note: 'ord_0190-AB' },
        b: { customer: { id: '', name: "Jo O'Neil & Söhne" } },
        c: { note: 'İstanbul Straße' },
      })
      expect(await ids(collection, { matching: 'JOSE ang' })).toEqual(['a'])
      expect(await ids(collection, { matching: 'jo' })).toEqual(['a', 'b'])
      expect(await ids(collection, { matching: 'luis jose' })).toEqual(['a'])
      expect(await ids(collection, { matching: 'ord_0190' })).toEqual(['a'])
      expect(await ids(collection, { matching: 'ose' })).toEqual([])
      expect(await ids(collection, { matching: 'istan stra' })).toEqual(['c'])
      expect(await ids(collection, { matching: "  .*'&|!():* " })).toEqual([])
      expect(await ids(collection, { matching: "o'neil" })).toEqual(['b'])
      expect(await ids(collection, { matching: 'STRASSE' })).toEqual(['c'])
      expect(await ids(collection, { matching: 'ＳＥÑＯＲ' })).toEqual(['a'])
      for (const symbols of ['%', "'", '—', '🦄', '\\', ' ']) {
        expect(await ids(collection, { matching: symbols })).toEqual([])
        expect(await collection.count([{ matching: symbols }])).toBe(0)
      }
      expect(await ids(collection, { matching: `jo ${'x'.repeat(5_000)}` })).toEqual([])
      await expect(collection.find({ where: [{ matching: words(40) }], limit: 1 })).rejects.toThrow(
        CallerError,
      )
    })

    test('order is: missing, numbers, strings by code point, false, true; ids break ties', async () => {
      const collection = await filled({
        m: {},
        n: { total: null },
        c: { total: -10.25 },
        d: { total: -1 },
        e: { total: 0 },
        f: { total: 0.5 },
        g: { total: 9 },
        h: { total: 10 },
        i: { total: '' },
        j: { total: 'Z' },
        k: { total: 'a' },
        l: { total: 'é' },
        o: { total: '\uffee' },
        p: { total: '🦊' },
        q: { total: false },
        r: { total: true },
        s: { total: true },
      })
      const sorted = ['m', 'n', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'o', 'p', 'q', 'r', 's']
      for (const limit of [1, 2, 5, 1_000]) {
        expect(await walk(collection, { orderBy: { path: 'total' }, limit })).toEqual(sorted)
        const down = { orderBy: { path: 'total', descending: true }, limit }
        expect(await walk(collection, down)).toEqual(sorted.toReversed())
        expect(await walk(collection, { limit })).toEqual(sorted.toSorted())
        expect(await walkBack(collection, { orderBy: { path: 'total' }, limit })).toEqual(sorted)
        expect(await walkBack(collection, down)).toEqual(sorted.toReversed())
        expect(await walkBack(collection, { limit })).toEqual(sorted.toSorted())
      }
    })

    test('pages show every document once, in order, whatever the documents and the page size', async () => {
      const total = fc.oneof(
        fc.integer({ min: -3, max: 3 }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom('', 'a', 'b', 'ä', null, true, false),
      )
      const order = fc.record({ total, status: fc.constantFrom('x', 'y') }, { requiredKeys: ['status'] })
      const property = fc.asyncProperty(
        fc.array(order, { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (docs, limit, descending) => {
          const collection = await filled(
            Object.fromEntries(docs.map((doc, index) => [`${index + 100}`, doc])),
          )
          const where = [{ path: 'status', equals: 'x' }]
          const whole = await collection.find({ where, orderBy: { path: 'total', descending }, limit: 1_000 })
          const expected = docs.flatMap((doc, index) => (doc.status === 'x' ? [`${index + 100}`] : []))
          const pages = await walk(collection, { where, orderBy: { path: 'total', descending }, limit })
          expect(pages).toEqual(whole.items.map(item => item.id))
          expect(pages.toSorted()).toEqual(expected)
          expect(
            await walkBack(collection, { where, orderBy: { path: 'total', descending }, limit }),
          ).toEqual(pages)
          expect(await collection.count(where, limit)).toBe(Math.min(pages.length, limit))
          const numbers = whole.items.map(item => item.doc.total).filter(value => typeof value === 'number')
          expect(numbers).toEqual(numbers.toSorted((a, b) => (descending ? b - a : a - b)))
        },
      )
      await fc.assert(property, { numRuns: 12 })
    })

    test('cursors bound a page on both sides, and it says what lies beyond it on either', async () => {
      const docs = Object.fromEntries(
        Array.from('abcdefg', (id, index) => [id, { total: (index + 1) >> 1, note: 'mark' }]),
      )
      const collection = await filled(docs)
      const wheres: Filter[][] = [[], [{ matching: 'mark' }]]
      for (const where of wheres)
        for (const descending of [false, true]) {
          const query = { where, orderBy: { path: 'total', descending }, limit: 100 }
          const all = (await collection.find(query)).items
          const ids = all.map(({ id }) => id)
          const [b, f] = [all[1]?.cursor ?? '', all[5]?.cursor ?? '']
          const read = async (range: Partial<Query>) => {
            const page = await collection.find({ ...query, ...range })
            return [page.items.map(({ id }) => id), await page.hasPrevious(), await page.hasNext()]
          }
          expect(await read({})).toEqual([ids, false, false])
          expect(await read({ limit: 3 })).toEqual([ids.slice(0, 3), false, true])
          expect(await read({ limit: 3, fromEnd: true })).toEqual([ids.slice(4), true, false])
          expect(await read({ after: b })).toEqual([ids.slice(2), true, false])
          expect(await read({ before: f })).toEqual([ids.slice(0, 5), false, true])
          expect(await read({ before: f, limit: 2 })).toEqual([ids.slice(0, 2), false, true])
          expect(await read({ after: b, fromEnd: true, limit: 2 })).toEqual([ids.slice(5), true, false])
          expect(await read({ after: b, before: f })).toEqual([ids.slice(2, 5), true, true])
          expect(await read({ after: b, before: f, limit: 1 })).toEqual([ids.slice(2, 3), true, true])
          expect(await read({ after: b, before: f, limit: 1, fromEnd: true })).toEqual([
            ids.slice(4, 5),
            true,
            true,
          ])
          expect(await read({ after: f, before: b })).toEqual([[], true, true])
          expect(await read({ after: all[6]?.cursor ?? '' })).toEqual([[], true, false])
          expect(await read({ before: all[0]?.cursor ?? '', fromEnd: true })).toEqual([[], false, true])
        }
    })

    test('what lies beyond a cursor is as it is now, though its own document is gone', async () => {
      const collection = await filled({ a: { total: 1 }, b: { total: 2 }, c: { total: 3 } })
      const query = { orderBy: { path: 'total' }, limit: 1 }
      const after = (await collection.find(query)).items[0]?.cursor ?? ''
      const page = await collection.find({ ...query, after })
      expect(await page.hasPrevious()).toBe(true)
      await collection.write([{ id: 'a', doc: null, position: 2 }])
      expect(await page.hasPrevious()).toBe(false)
      expect(await (await collection.find({ ...query, after })).hasPrevious()).toBe(false)
      await collection.write([{ id: 'd', doc: { total: 0 }, position: 3 }])
      expect(await page.hasPrevious()).toBe(true)
    })

    test('a count stops at its bound, also among the matches of a search', async () => {
      const docs = Array.from({ length: 30 }, (_, index) => [
        `o${index}`,
        { status: index % 3 === 0 ? 'x' : 'y', total: index, note: index % 2 === 0 ? 'even' : 'odd' },
      ])
      const collection = await filled(Object.fromEntries(docs))
      const counts = async (where: Filter[]) =>
        Promise.all([undefined, 4, 10, 1_001].map(atMost => collection.count(where, atMost)))
      expect(await counts([])).toEqual([30, 4, 10, 30])
      expect(await counts([{ path: 'status', equals: 'x' }])).toEqual([10, 4, 10, 10])
      expect(await counts([{ path: 'status', in: ['x', 'y'] }])).toEqual([30, 4, 10, 30])
      expect(await counts([{ path: 'total', from: 25 }])).toEqual([5, 4, 5, 5])
      expect(await counts([{ matching: 'even' }])).toEqual([15, 4, 10, 15])
      expect(await counts([{ matching: 'even' }, { path: 'status', equals: 'x' }])).toEqual([5, 4, 5, 5])
      expect(await counts([{ matching: '🦊' }])).toEqual([0, 0, 0, 0])
    })

    test('documents written between two pages neither repeat nor hide the others', async () => {
      const docs = Object.fromEntries(
        Array.from({ length: 60 }, (_, index) => [`o${index}`, { total: index % 7 }]),
      )
      const collection = await filled(docs)
      const seen: string[] = []
      for (let after: string | undefined, round = 0; ; round++) {
        const query = { orderBy: { path: 'total' }, limit: 7, ...(after !== undefined && { after }) }
        const page = await collection.find(query)
        seen.push(...page.items.map(item => item.id))
        await collection.write(
          [0, 3, 6].map(total => ({ id: `new-${round}-${total}`, doc: { total }, position: 1 })),
        )
        if (!(await page.hasNext())) break
        after = page.items.at(-1)?.cursor
      }
      expect(new Set(seen).size).toBe(seen.length)
      expect(seen.filter(id => id.startsWith('o')).toSorted()).toEqual(Object.keys(docs).toSorted())
    })

    test('a cursor that this query did not return is refused, and so is a page of no or too many items', async () => {
      const collection = await filled({ a: { total: 1, status: 'x' }, b: { total: 2, status: 'x' } })
      const byTotal: Query = { orderBy: { path: 'total' }, limit: 1 }
      const after = (await collection.find(byTotal)).items[0]?.cursor ?? ''
      expect((await collection.find({ ...byTotal, limit: 5, after })).items.map(item => item.id)).toEqual([
        'b',
      ])
      const forged = Buffer.from(JSON.stringify(['x', { $gt: '' }, 'a'])).toString('base64url')
      const refused: Query[] = [
        { ...byTotal, orderBy: { path: 'total', descending: true }, after },
        { ...byTotal, where: [{ path: 'status', equals: 'x' }], after },
        { limit: 1, after },
        ...['', 'rubbish', '🦊', 'W10', 'bnVsbA', forged].map(text => ({ ...byTotal, after: text })),
        ...['', 'rubbish', forged].map(text => ({ ...byTotal, before: text, fromEnd: true })),
        { ...byTotal, where: [{ path: 'status', equals: 'x' }], before: after },
        ...[0, -1, 1.5, 1_001, Number.NaN].map(limit => ({ limit })),
      ]
      for (const query of refused)
        await expect(collection.find(query), JSON.stringify(query)).rejects.toMatchObject({
          name: 'CallerError',
          code: 'BAD_USER_INPUT',
        })
    })

    test('invalid names and paths are refused before they reach the engine', async () => {
      for (const name of ['Orders', 'a-b', '1a', 'a"; drop', ''])
        await expect(models.collection({ name, version: 1, indexes: [] })).rejects.toThrow(/READ|name/)
      const collection = await filled({})
      for (const path of ["a'b", 'a..b', '', 'a b', '$where'])
        await expect(collection.find({ where: [{ path, equals: 1 }], limit: 1 })).rejects.toThrow(/path/)
    })

    test('many processes can open the same collection concurrently', async () => {
      const definition = orders()
      const others = await Promise.all(Array.from({ length: 4 }, open))
      try {
        const opened = await Promise.all(others.map(other => other.collection(definition)))
        await opened[0]?.write([{ id: 'a', doc: { total: 1 }, position: 1 }])
        expect(await opened[3]?.get('a')).toEqual({ total: 1 })
      } finally {
        await Promise.all(others.map(other => other[Symbol.asyncDispose]()))
      }
    })

    test('versions of a collection are collections of their own', async () => {
      const first = orders()
      await (await models.collection(first)).write([{ id: 'a', doc: { total: 1 }, position: 1 }])
      const second = await models.collection({ ...first, version: 2 })
      expect(await second.get('a')).toBeUndefined()
    })

    test('swapping in a shadow again and again fails no concurrent reader or writer', async () => {
      const definition = orders()
      const live = await models.collection(definition)
      await live.write([{ id: 'a', doc: { total: 0, status: 'x', note: 'mark' }, position: 1 }])
      let done = false
      const seen = new Set<unknown>()
      async function readOn(): Promise<void> {
        while (!done) {
          seen.add((await live.get('a'))?.total)
          const where = [{ path: 'status', equals: 'x' }, { matching: 'mar' }]
          expect((await live.find({ where, orderBy: { path: 'total' }, limit: 5 })).items).toHaveLength(1)
          await live.write([{ id: 'b', doc: { status: 'y' }, position: Date.now() }])
        }
      }
      const readers = [readOn(), readOn(), readOn()]
      for (let round = 1; round <= 5; round++) {
        const shadow = await models.shadow(definition)
        expect(await shadow.collection.get('a')).toBeUndefined()
        const doc = { total: round, status: 'x', note: 'mark' }
        await shadow.collection.write([{ id: 'a', doc, position: 1 }])
        expect((await live.get('a'))?.total).toBe(round - 1)
        await shadow.swap()
        expect(await live.get('a')).toEqual(doc)
      }
      done = true
      await Promise.all(readers)
      expect(seen.size).toBeGreaterThan(1)
    })

    test('a dropped shadow leaves the live collection as it was', async () => {
      const definition = orders(false)
      const live = await models.collection(definition)
      await live.write([{ id: 'a', doc: { total: 1 }, position: 1 }])
      const shadow = await models.shadow(definition)
      await shadow.collection.write([{ id: 'a', doc: { total: 2 }, position: 1 }])
      await shadow.drop()
      expect(await live.get('a')).toEqual({ total: 1 })
      const empty = await models.shadow(definition)
      await empty.swap()
      expect(await live.count()).toBe(0)
    })
  })
}

function words(count: number): string {
  return Array.from({ length: count }, (_, index) => `w${index}`).join(' ')
}
