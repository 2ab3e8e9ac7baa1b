import { rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { versionOf } from '#gateway/supergraph/source.ts'
import { startFaultySubgraph } from '#test/gateway/faulty-subgraph.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import {
  ALL_ITEMS,
  answerItems,
  answerPrices,
  EVERY_ITEM,
  shopSupergraph,
  startShopGateway,
} from './reload-fixture.ts'

const SERVED = 'a new supergraph is served'
/** Disables polling, so that only the file's watch and `reload` find changes. */
const UNPOLLED = { pollMs: 0 }

describe('under load', () => {
  test('no request fails while valid and invalid supergraphs are deployed', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    const wrong: unknown[] = []
    let answered = 0
    let over = false
    async function client() {
      while (!over) {
        const reply = await fixture.ask<{ items: unknown }>(`query All ${ALL_ITEMS}`)
        answered++
        if (reply.status !== 200 || reply.errors || JSON.stringify(reply.data?.items) !== WHOLE)
          wrong.push(reply)
      }
    }
    const WHOLE = JSON.stringify(EVERY_ITEM)
    const clients = Array.from({ length: 16 }, client)
    for (let version = 2; version < 14; version++) {
      await writeFile(fixture.file, version % 3 === 0 ? 'type Query { broken' : shopSupergraph(version))
      await fixture.gateway.reload()
    }
    over = true
    await Promise.all(clients)
    expect(wrong).toEqual([])
    expect(answered).toBeGreaterThan(100)
    const served = fixture.log.entries().filter(({ msg }) => msg === SERVED)
    expect(served.map(({ version }) => version)).toEqual(
      [2, 4, 5, 7, 8, 10, 11, 13].map(version => versionOf(shopSupergraph(version))),
    )
    for (const entry of served) expect(entry).toMatchObject({ warmed: 1, left: 0 })
  })

  test('unchanged subgraphs keep their open connections and their circuit', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    await fixture.ask(ALL_ITEMS)
    const sockets = new Set<unknown>()
    fixture.prices.setBehavior(exchange => {
      sockets.add(exchange.socket)
      answerPrices(exchange)
    })
    for (let version = 2; version < 6; version++) {
      await fixture.ask(ALL_ITEMS)
      await fixture.deploy(shopSupergraph(version))
      await fixture.gateway.reload()
    }
    expect(sockets.size).toBe(1)
  })
})

describe('a request under way', () => {
  test('finishes on the supergraph that it began with, including subgraphs that have been removed since', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    const asked = new Promise<() => void>(resolve =>
      fixture.items.setBehavior(exchange => resolve(() => answerItems(exchange))),
    )
    const reply = fixture.ask(ALL_ITEMS)
    const answer = await asked
    for (const version of [2, 3]) {
      await fixture.deploy(shopSupergraph(version, { prices: false }))
      await fixture.gateway.reload()
    }
    expect((await fixture.ask('{ dearest }')).data).toBeUndefined()
    expect(fixture.prices.requests).toEqual([])
    answer()
    expect(await reply).toEqual({ status: 200, data: { items: EVERY_ITEM } })
    expect(fixture.prices.requests).toHaveLength(1)
  })
})

describe('a supergraph that cannot be served', () => {
  test('is refused with the reason, logged once, while the gateway stays ready with the previous one', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    await fixture.deploy('type Query { a: Int }')
    await fixture.gateway.reload()
    await fixture.gateway.reload()
    const version = versionOf('type Query { a: Int }')
    const reason = `${fixture.file} cannot be served: it names no subgraphs: is it a Federation 2 supergraph?`
    expect(fixture.log.entries().filter(({ level }) => level === 'error')).toMatchObject([
      {
        version,
        reason,
        served: versionOf(shopSupergraph(1)),
        msg: 'supergraph refused, the current one stays in service',
      },
    ])
    expect(await fixture.health()).toMatchObject({
      status: 'ok',
      dependencies: {
        supergraph: {
          ok: true,
          detail: expect.stringMatching(
            new RegExp(
              `^serves version ${versionOf(shopSupergraph(1))} since .*; refused version ${version}: `,
            ),
          ),
        },
      },
    })
    expect(await fixture.ask('{ version1 items { id } }')).toMatchObject({ status: 200 })

    await fixture.deploy(shopSupergraph(1))
    await fixture.gateway.reload()
    expect(JSON.stringify(await fixture.health())).not.toContain('refused')
  })

  test.each([
    ['a type without fields', 'type Empty @join__type(graph: ITEMS)'],
    [
      'a type that does not exist',
      'type Broken @join__type(graph: ITEMS) { a: Missing @join__field(graph: ITEMS) }',
    ],
    ['two types of one name', 'type Item @join__type(graph: ITEMS) { id: ID! }'],
  ])('is refused for %s, before anybody asks it', async (_what, addition) => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    await fixture.deploy(`${shopSupergraph(2)}\n${addition}`)
    await fixture.gateway.reload()
    const [refused] = fixture.log.entries().filter(({ level }) => level === 'error')
    expect(refused?.reason).toMatch(/Empty|Missing|Item/)
    expect(await fixture.ask(ALL_ITEMS)).toEqual({ status: 200, data: { items: EVERY_ITEM } })
  })

  test('leaves the previous one in service when its file has been deleted', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    await rm(fixture.file)
    await fixture.gateway.reload()
    await fixture.gateway.reload()
    expect(fixture.log.entries().filter(({ level }) => level === 'warn')).toMatchObject([
      { reason: `${fixture.file} cannot be read: there is no such file` },
    ])
    expect(await fixture.ask(ALL_ITEMS)).toEqual({ status: 200, data: { items: EVERY_ITEM } })
    expect(JSON.stringify(await fixture.health())).toContain('there is no such file')
    await fixture.deploy(shopSupergraph(2))
    await fixture.gateway.reload()
    expect(await fixture.ask('{ version2 }')).toMatchObject({ status: 200 })
    expect(JSON.stringify(await fixture.health())).not.toContain('there is no such file')
  })
})

describe('the gateway detects a change', () => {
  test('by watching the file', async () => {
    await using fixture = await startShopGateway({ reload: UNPOLLED })
    await fixture.deploy(shopSupergraph(2))
    await fixture.log.seen(SERVED)
    expect(await fixture.ask('{ version2 }')).toMatchObject({ status: 200 })
    expect(await fixture.health()).toMatchObject({ dependencies: { 'subgraph-prices': { ok: true } } })
  })

  test('by polling, when the watched folder is not the one that changes', async () => {
    await using real = await startShopGateway({ reload: UNPOLLED })
    await using folder = await temporaryFolder()
    const link = path.join(folder.path, 'link.graphql')
    await symlink(real.file, link)
    await using fixture = await startShopGateway({ reload: { pollMs: 20 }, source: pathToFileURL(link).href })
    await real.deploy(shopSupergraph(3))
    await fixture.log.seen(versionOf(shopSupergraph(3)))
    expect(await fixture.ask('{ version3 }')).toMatchObject({ status: 200 })
  })

  test('and reports the health of the subgraphs in the current supergraph', async () => {
    await using fixture = await startShopGateway({
      reload: UNPOLLED,
      supergraph: shopSupergraph(1, { prices: false }),
    })
    const subgraphs = async () =>
      Object.keys((await fixture.health()).dependencies).filter(name => name.startsWith('subgraph-'))
    expect(await subgraphs()).toEqual(['subgraph-items'])
    await fixture.deploy(shopSupergraph(1))
    await fixture.gateway.reload()
    expect(await subgraphs()).toEqual(['subgraph-items', 'subgraph-prices'])
    await fixture.deploy(shopSupergraph(2, { prices: false }))
    await fixture.gateway.reload()
    expect(await subgraphs()).toEqual(['subgraph-items'])
  })
})

describe('operations in use', () => {
  test('are planned before the switch, and the log names those that the new supergraph rejects', async () => {
    await using fixture = await startShopGateway({ reload: { ...UNPOLLED, warmOperations: 3 } })
    await fixture.ask('query Seldom { items { id } }')
    for (let time = 0; time < 3; time++) await fixture.ask('query Often { items { id price } }')
    for (let time = 0; time < 2; time++) await fixture.ask('query Old { version1 }')
    for (let time = 0; time < 2; time++) await fixture.ask('query Dear { dearest }')
    for (let time = 0; time < 9; time++) await fixture.ask('query Wrong { nothing }')
    await fixture.deploy(shopSupergraph(2))
    await fixture.gateway.reload()
    expect(JSON.parse(await fixture.log.seen(SERVED))).toMatchObject({
      warmed: 2,
      no_longer_valid: 1,
      left: 0,
    })
  })

  test('are planned on request when the warm-up time is over', async () => {
    await using fixture = await startShopGateway({ reload: { ...UNPOLLED, warmMs: 0 } })
    await fixture.ask(ALL_ITEMS)
    await fixture.deploy(shopSupergraph(2))
    await fixture.gateway.reload()
    expect(JSON.parse(await fixture.log.seen(SERVED))).toMatchObject({ warmed: 0, left: 1 })
    expect(await fixture.ask(ALL_ITEMS)).toEqual({ status: 200, data: { items: EVERY_ITEM } })
  })
})

test('a supergraph at a URL is reloaded like one in a file', async () => {
  let sdl = shopSupergraph(1)
  let asked = 0
  await using server = await startFaultySubgraph(({ response }) => {
    asked++
    response.end(sdl)
  })
  await using fixture = await startShopGateway({ reload: { pollMs: 20 }, source: server.url })
  expect(fixture.gateway.supergraph).toBe(server.url)
  await fixture.ask(ALL_ITEMS)
  sdl = shopSupergraph(2)
  await fixture.log.seen(SERVED)
  expect(await fixture.ask(ALL_ITEMS)).toEqual({ status: 200, data: { items: EVERY_ITEM } })
  const before = asked
  await expect.poll(() => asked, { timeout: 10_000 }).toBeGreaterThan(before)
  expect(fixture.log.entries().filter(({ msg }) => msg === SERVED)).toHaveLength(1)
})
