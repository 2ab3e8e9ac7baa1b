import { describe, expect, test } from 'vitest'
import type { Filter, Page, Query } from '#platform/read-models/read-models.ts'
import { checkPage, findConnection, mapConnection, sortedBy } from '#platform/subgraph/connection.ts'

type Doc = { readonly name: string }

/** A list of `size` documents, which notes what is asked of it. */
function listOf(size: number) {
  const asked: unknown[] = []
  return {
    asked,
    async find(query: Query): Promise<Page<Doc>> {
      asked.push(query)
      const ask = async (what: string) => asked.push(what) > 0
      const item = (name: string) => ({ id: name, doc: { name }, cursor: `at ${name}` })
      return {
        items: [item('a'), item('b')],
        hasNext: () => ask('hasNext'),
        hasPrevious: () => ask('hasPrevious'),
      }
    },
    async count(where: readonly Filter[] = [], atMost = Number.POSITIVE_INFINITY) {
      asked.push({ where, atMost })
      return Math.min(size, atMost)
    },
  }
}

const where = [{ path: 'name', equals: 'x' }]
const orderBy = sortedBy({ NAME: 'name' }, { field: 'NAME', direction: 'DESC' })

describe('a connection', () => {
  test('has what one reading of the page shows, and reads nothing else', async () => {
    const list = listOf(2)
    const found = await findConnection(list, { where, orderBy, page: { last: 2, before: 'c' } })
    expect(mapConnection(found, ({ name }) => name)).toMatchObject({
      nodes: ['a', 'b'],
      edges: [
        { cursor: 'at a', node: 'a' },
        { cursor: 'at b', node: 'b' },
      ],
      pageInfo: { startCursor: 'at a', endCursor: 'at b' },
    })
    const query = { orderBy: { path: 'name', descending: true }, limit: 2, fromEnd: true, before: 'c' }
    expect(list.asked).toEqual([{ where, ...query }])
  })

  test.each([
    [0, 0, false],
    [1_000, 1_000, false],
    [1_001, 1_000, true],
    [5_000_000, 1_000, true],
  ])('of %i items says a count of %i, and whether there are more', async (size, count, isCapped) => {
    const list = listOf(size)
    const found = await findConnection(list, { where, orderBy, page: {} })
    expect(await Promise.all([found.totalCount(), found.totalCountCapped()])).toEqual([count, isCapped])
    expect(list.asked.slice(1)).toEqual([{ where, atMost: 1_001 }])
  })

  test('asks what lies beyond the page when that is selected', async () => {
    const list = listOf(2)
    const { pageInfo } = await findConnection(list, { where, orderBy, page: {} })
    expect([await pageInfo.hasNextPage(), await pageInfo.hasPreviousPage()]).toEqual([true, true])
    expect(list.asked.slice(1)).toEqual(['hasNext', 'hasPrevious'])
  })
})

describe('the arguments of a page', () => {
  test('are the first twenty when they are left out or null', () => {
    const expected = { limit: 20, fromEnd: false }
    expect(checkPage({})).toEqual(expected)
    expect(checkPage({ first: null, last: null, after: null, before: null })).toEqual(expected)
  })

  test.each([
    [
      { first: 5, after: 'a' },
      { limit: 5, fromEnd: false, after: 'a' },
    ],
    [
      { last: 5, before: 'b' },
      { limit: 5, fromEnd: true, before: 'b' },
    ],
    [
      { last: 5, after: 'a' },
      { limit: 5, fromEnd: true, after: 'a' },
    ],
    [
      { after: 'a', before: 'b' },
      { limit: 20, fromEnd: false, after: 'a', before: 'b' },
    ],
    [{ after: '' }, { limit: 20, fromEnd: false, after: '' }],
  ])('%o are passed on', (page, expected) => {
    expect(checkPage(page)).toEqual(expected)
  })

  test.each([
    [{ first: 0 }, 'first: should be a whole number from 1 to 100; got 0'],
    [{ first: -1 }, 'first: should be a whole number from 1 to 100; got -1'],
    [{ first: 101 }, 'first: should be a whole number from 1 to 100; got 101'],
    [{ last: 2_147_483_647 }, 'last: should be a whole number from 1 to 100; got 2147483647'],
    [{ first: 1, last: 1 }, 'last: should be left out, or null, where first is given; got 1'],
  ])('%o are refused, with what was expected', (page, message) => {
    expect(() => checkPage(page)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', message }))
  })
})
