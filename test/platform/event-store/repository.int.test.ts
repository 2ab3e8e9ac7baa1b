import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Decision, refuse } from '#platform/domain/decision.ts'
import type { Aggregate, CommandContext, Repository, Transition } from '#platform/event-store/aggregate.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { countingReads } from '#test/fixtures/counting-reads.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { event, eventually, upTo, write } from '#test/platform/event-store/fixtures.ts'

type AccountEvent =
  | { type: 'Opened'; data: { owner: string } }
  | { type: 'Deposited'; data: { minor: number } }
  | { type: 'Withdrawn'; data: { minor: number } }
type Account = { balance: number; owner?: string }
type Refused = { code: 'FUNDS_INSUFFICIENT'; message: string; balance: number }

const ACCOUNT: Aggregate<Account, AccountEvent> = {
  category: 'account',
  initial: { balance: 0 },
  types: ['Opened', 'Deposited', 'Withdrawn'],
  evolve(state, { type, data }) {
    switch (type) {
      case 'Opened':
        return { ...state, owner: data.owner }
      case 'Deposited':
        return { ...state, balance: state.balance + data.minor }
      case 'Withdrawn':
        return { ...state, balance: state.balance - data.minor }
    }
  },
}

function deposit(minor: number) {
  return (): Decision<AccountEvent, Refused> => ({ accepted: [{ type: 'Deposited', data: { minor } }] })
}

function withdraw(minor: number) {
  return ({ balance }: Account): Decision<AccountEvent, Refused> =>
    balance < minor
      ? refuse({ code: 'FUNDS_INSUFFICIENT', message: `only ${balance} left`, balance })
      : { accepted: [{ type: 'Withdrawn', data: { minor } }] }
}

function key(name: string, body = name): CommandContext {
  return { key: name, body: { body }, meta: { actor: 'customer:cus_1' } }
}

let url: string
let open: AsyncDisposableStack
let store: EventStore
let accounts: Repository<Account, AccountEvent>

beforeEach(async () => {
  open = new AsyncDisposableStack()
  url = await freshDatabase()
  store = open.use(await openPostgresEventStore({ url }))
  accounts = createRepository(store, ACCOUNT)
})

afterEach(() => open.disposeAsync())

/** Opens the repository as another process would. */
async function openElsewhere(): Promise<Repository<Account, AccountEvent>> {
  return createRepository(open.use(await openPostgresEventStore({ url })), ACCOUNT)
}

/** The result that a repeat of the command gets: a repeat has no transition. */
function repeatOf({
  before: _before,
  events: _events,
  state: _state,
  ...first
}: object & Partial<Transition<unknown, unknown>>) {
  return { ...first, repeated: true }
}

describe('commands', () => {
  test('a command that creates is decided without a read, and again on the stored state if there is one', async () => {
    const creating = (name: string) => ({ ...key(name), creates: true })
    await accounts.handle('1', creating('a'), deposit(10), 'first')
    expect(await accounts.handle('2', creating('a'), deposit(10), 'again')).toMatchObject({
      outcome: 'first',
      repeated: true,
    })
    const elsewhere = createRepository(store, ACCOUNT)
    const seen: number[] = []
    await elsewhere.handle('1', creating('b'), account => {
      seen.push(account.balance)
      return deposit(5)()
    })
    expect(seen).toEqual([0, 10])
    expect(await accounts.load('1')).toEqual({ state: { balance: 15 }, version: 2 })
  })

  test('accepted events are appended, and handle returns the new state', async () => {
    expect(await accounts.load('1')).toEqual({ state: { balance: 0 }, version: 0 })
    const handled = await accounts.handle('1', key('a'), deposit(10), { told: 'you' })
    expect(handled).toEqual({
      status: 'accepted',
      outcome: { told: 'you' },
      position: 1,
      repeated: false,
      before: { balance: 0 },
      events: [{ type: 'Deposited', data: { minor: 10 } }],
      state: { balance: 10 },
    })
    await accounts.handle('1', key('b'), withdraw(3))
    expect(await accounts.load('1')).toEqual({ state: { balance: 7 }, version: 2 })
    const [first] = await accounts.history('1')
    expect(first).toMatchObject({
      event: { type: 'Deposited', data: { minor: 10 } },
      recorded: { stream: 'account-1', version: 1, meta: { actor: 'customer:cus_1' } },
    })
  })

  test('an outcome may be computed from the accepted events', async () => {
    const told = (events: readonly AccountEvent[]) => events.map(({ type }) => type)
    expect(await accounts.handle('1', key('a'), deposit(1), told)).toMatchObject({ outcome: ['Deposited'] })
    expect(await accounts.handle('1', key('a'), deposit(1), told)).toMatchObject({
      outcome: ['Deposited'],
      repeated: true,
    })
  })

  test('a repeated command gets its first outcome, from this process and another, and writes nothing', async () => {
    const elsewhere = await openElsewhere()
    const first = await accounts.handle('1', key('a'), deposit(10), { n: 1 })
    const again = repeatOf(first)
    expect(await accounts.handle('1', key('a'), deposit(10), { n: 2 })).toEqual(again)
    expect(await elsewhere.handle('1', key('a'), deposit(10), { n: 3 })).toEqual(again)
    expect(await accounts.load('1')).toMatchObject({ version: 1 })
  })

  test('a repeated command gets its first refusal, also when it would be accepted now', async () => {
    const refused = await accounts.handle('1', key('a'), withdraw(5))
    expect(refused).toEqual({
      status: 'refused',
      refusal: { code: 'FUNDS_INSUFFICIENT', message: 'only 0 left', balance: 0 },
      position: 0,
      repeated: false,
      before: { balance: 0 },
      events: [],
      state: { balance: 0 },
    })
    await accounts.handle('1', key('b'), deposit(10))
    expect(await accounts.handle('1', key('a'), withdraw(5))).toEqual(repeatOf(refused))
  })

  test('a key whose command was refused can be used for another body, which is recorded in its place', async () => {
    await accounts.handle('1', key('open'), deposit(10))
    const refused = await accounts.handle('1', key('a', 'too much'), withdraw(50))
    expect(await accounts.findResult(key('a', 'less'))).toBeUndefined()
    const mended = await accounts.handle('1', key('a', 'less'), withdraw(5), 'done')
    expect([refused.status, mended.status, mended.repeated]).toEqual(['refused', 'accepted', false])
    expect(await accounts.handle('1', key('a', 'less'), withdraw(5))).toEqual(repeatOf(mended))
    await expect(accounts.handle('1', key('a', 'too much'), withdraw(50))).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect(await accounts.load('1')).toMatchObject({ state: { balance: 5 } })
  })

  test('one of many concurrent bodies gets the key of a refused command', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('1', key('open'), deposit(100))
    await accounts.handle('1', key('a', 'first'), withdraw(500))
    const results = await Promise.allSettled(
      upTo(20).map(n => (n % 2 ? accounts : elsewhere).handle('1', key('a', `mended ${n}`), withdraw(1))),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'CONFLICT' })
    expect(await accounts.load('1')).toMatchObject({ state: { balance: 99 } })
  })

  test('a repeated command gets its first outcome, also when it would be refused now', async () => {
    await accounts.handle('1', key('a'), deposit(10))
    const first = await accounts.handle('1', key('b'), withdraw(10), 'done')
    expect(await accounts.handle('1', key('b'), withdraw(10), 'done')).toEqual(repeatOf(first))
  })

  test('an accepted command without events is remembered too', async () => {
    const nothing = (): Decision<AccountEvent, Refused> => ({ accepted: [] })
    expect(await accounts.handle('1', key('a'), nothing, 'first')).toMatchObject({ repeated: false })
    expect(await accounts.handle('1', key('a'), deposit(1), 'second')).toMatchObject({
      outcome: 'first',
      repeated: true,
    })
    expect(await accounts.load('1')).toMatchObject({ version: 0 })
  })

  test('a key that was used for another body is a conflict; the order of its fields is not another body', async () => {
    await accounts.handle('1', { key: 'a', body: { x: 1, y: { p: 1, q: 2 } } }, deposit(1))
    await expect(accounts.handle('1', { key: 'a', body: { x: 2 } }, deposit(1))).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    const same = { key: 'a', body: { y: { q: 2, p: 1 }, x: 1 } }
    expect(await accounts.handle('1', same, deposit(1))).toMatchObject({ repeated: true })
  })

  test('findResult returns the first result of a command', async () => {
    expect(await accounts.findResult(key('a'))).toBeUndefined()
    const refused = await accounts.handle('1', key('a'), withdraw(1))
    expect(await accounts.findResult(key('a'))).toEqual(repeatOf(refused))
    const accepted = await accounts.handle('1', key('b'), deposit(1))
    expect(await accounts.findResult(key('b'))).toEqual(repeatOf(accepted))
    await expect(accounts.findResult(key('b', 'another'))).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('handle throws what decide throws, and records nothing', async () => {
    const thrower = () => {
      throw new RangeError('not so')
    }
    await expect(accounts.handle('1', key('a'), thrower)).rejects.toThrow('not so')
    expect(await accounts.handle('1', key('a'), deposit(1))).toMatchObject({ repeated: false })
  })
})

test('a decision without a key is appended once, since it changes nothing when it is decided again', async () => {
  const open = ({ owner }: Account): Decision<AccountEvent, Refused> => ({
    accepted: owner === undefined ? [{ type: 'Opened', data: { owner: 'Ada' } }] : [],
  })
  const elsewhere = createRepository(store, ACCOUNT)
  const meta = { actor: 'customer:cus_1' }
  const all = await Promise.all([accounts, elsewhere].map(each => each.handle('a1', { meta }, open)))
  const again = await accounts.handle('a1', { meta }, open)

  expect(again).toMatchObject({ status: 'accepted', repeated: false, events: [], state: { owner: 'Ada' } })
  expect(all.flatMap(({ repeated, ...rest }) => ('events' in rest ? rest.events : []))).toHaveLength(1)
  expect(again.position).toBe(await store.head())
  expect(await store.readStream('account-a1')).toMatchObject([{ type: 'Opened', meta }])
})

test('a refusal without a key is answered, and nothing is recorded', async () => {
  expect(await accounts.handle('a1', {}, withdraw(1))).toMatchObject({ status: 'refused', position: 0 })
  expect(await store.head()).toBe(0)
})

describe('concurrency', () => {
  test('commands on one aggregate from two processes all take effect, each once', async () => {
    const elsewhere = await openElsewhere()
    await Promise.all(upTo(60).map(n => (n % 2 ? accounts : elsewhere).handle('1', key(`k${n}`), deposit(1))))
    expect(await accounts.load('1')).toEqual({ state: { balance: 60 }, version: 60 })
    expect(await elsewhere.load('1')).toEqual({ state: { balance: 60 }, version: 60 })
  })

  test('an account is never overdrawn, however many ask at once', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('1', key('open'), deposit(10))
    const results = await Promise.all(
      upTo(30).map(n => (n % 2 ? accounts : elsewhere).handle('1', key(`k${n}`), withdraw(1))),
    )
    expect(results.filter(({ status }) => status === 'accepted')).toHaveLength(10)
    expect(await accounts.load('1')).toMatchObject({ state: { balance: 0 } })
  })

  test('a refusal is never decided on a state that another process has moved on from', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('1', key('a'), deposit(1))
    await elsewhere.handle('1', key('b'), deposit(100))
    expect(await accounts.handle('1', key('c'), withdraw(50))).toMatchObject({ status: 'accepted' })
  })

  test('what this process knows is not read again, and never lacks what was written here', async () => {
    const { store: counted, reads } = countingReads(store)
    const counting = createRepository(counted, ACCOUNT)
    await counting.handle('a', key('first'), deposit(1))
    const followed = async () => {
      await store.readLog({ after: 0, limit: 1 })
      return store.known()
    }
    await expect.poll(followed).toBeDefined()
    await counting.handle('a', key('open'), deposit(4))
    const before = reads()
    expect(await counting.loadKnown('a')).toMatchObject({ state: { balance: 5 } })
    for (let n = 0; n < 3; n++) await counting.handle('b', key(`other ${n}`), deposit(1))
    expect(await counting.loadKnown('a')).toMatchObject({ state: { balance: 5 } })
    expect(reads()).toBe(before + 1) // the first command on `b`
    await accounts.handle('a', key('elsewhere in this process'), deposit(2))
    expect(await counting.loadKnown('a')).toMatchObject({ state: { balance: 7 } })
    expect(reads()).toBe(before + 2)
  })

  test('while another process uses the store, what is known is read', async () => {
    await accounts.handle('a', key('open'), deposit(5))
    const other = open.use(await openPostgresEventStore({ url }))
    await expect.poll(() => store.known()).toBeUndefined()
    await createRepository(other, ACCOUNT).handle('a', key('more'), deposit(2))
    expect(await accounts.loadKnown('a')).toMatchObject({ state: { balance: 7 } })
  })

  test('a load sees what another process wrote', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('1', key('a'), deposit(1))
    await elsewhere.handle('1', key('b'), deposit(2))
    expect(await accounts.load('1')).toEqual({ state: { balance: 3 }, version: 2 })
  })

  test('a command that conflicts in every attempt fails with UNAVAILABLE', async () => {
    let version = 0
    const racing: EventStore = {
      ...store,
      async append(append) {
        await store.append(write('account-1', version++, event('Deposited', { minor: 1 })))
        return store.append(append)
      },
    }
    const slow = createRepository(racing, ACCOUNT)
    await expect(slow.handle('1', key('a'), deposit(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(version).toBe(10)
  })
})

describe('several aggregates', () => {
  function transfer(minor: number) {
    return (states: ReadonlyMap<string, Account>): Decision<{ id: string; event: AccountEvent }, Refused> => {
      const balance = states.get('from')?.balance ?? 0
      if (balance < minor)
        return refuse({ code: 'FUNDS_INSUFFICIENT', message: `only ${balance} left`, balance })
      return {
        accepted: [
          { id: 'from', event: { type: 'Withdrawn', data: { minor } } },
          { id: 'to', event: { type: 'Deposited', data: { minor } } },
        ],
      }
    }
  }

  test('all change together or none, also against transfers the other way round', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('from', key('open'), deposit(20))
    const results = await Promise.all(
      upTo(40).map(n =>
        (n % 2 ? accounts : elsewhere).handleMany(
          n % 3 ? ['from', 'to'] : ['to', 'from'],
          key(`k${n}`),
          transfer(1),
        ),
      ),
    )
    expect(results.filter(({ status }) => status === 'accepted')).toHaveLength(20)
    expect(await accounts.load('from')).toMatchObject({ state: { balance: 0 }, version: 21 })
    expect(await accounts.load('to')).toMatchObject({ state: { balance: 20 }, version: 20 })
  })

  test('a repeat of a command over several gets its first answer', async () => {
    await accounts.handle('from', key('open'), deposit(1))
    const first = await accounts.handleMany(['from', 'to'], key('a'), transfer(1), 'moved')
    expect(await accounts.handleMany(['from', 'to'], key('a'), transfer(1), 'moved')).toEqual(repeatOf(first))
  })

  test('handleMany conflicts when an aggregate without events has changed', async () => {
    const elsewhere = await openElsewhere()
    await accounts.handle('limit', key('a'), deposit(5))
    await accounts.handle('1', key('b'), deposit(1))
    await elsewhere.handle('limit', key('c'), deposit(-4))
    const seen: number[] = []
    await accounts.handleMany(['limit', '1'], key('d'), states => {
      const minor = states.get('limit')?.balance ?? 0
      seen.push(minor)
      return { accepted: [{ id: '1', event: { type: 'Deposited', data: { minor } } }] }
    })
    expect(seen).toEqual([5, 1])
    expect(await accounts.load('1')).toMatchObject({ state: { balance: 2 } })
  })

  test('events for an aggregate that was not asked for are a mistake of the decider', async () => {
    const stray = (): Decision<{ id: string; event: AccountEvent }, Refused> => ({
      accepted: [{ id: 'other', event: { type: 'Deposited', data: { minor: 1 } } }],
    })
    await expect(accounts.handleMany(['1'], key('a'), stray)).rejects.toThrow(RangeError)
  })
})

describe('a stage', () => {
  const meta = { actor: 'service:test' }

  test('decides one after another, and is appended with other streams', async () => {
    await accounts.handle('a', key('1'), deposit(5))
    const stage = await accounts.stage('a')
    expect(stage.decide(withdraw(3), meta)).toMatchObject({ accepted: [{ type: 'Withdrawn' }] })
    expect(stage.decide(withdraw(3), meta)).toMatchObject({ refused: { balance: 2 } })
    expect(stage.decide(withdraw(2), meta)).toMatchObject({ accepted: [{ type: 'Withdrawn' }] })
    await store.append({ writes: [stage.write(), ...write('order-1', 0).writes] })
    stage.settle(true)
    expect((await accounts.handle('a', key('2'), withdraw(1))).status).toBe('refused')
    const events = await store.readStream('account-a', { after: 1 })
    expect(events.map(({ data, meta: stored }) => [data.minor, stored])).toEqual([
      [3, meta],
      [2, meta],
    ])
  })

  test('conflicts when its state was stale, also without events, and is decided anew on the stored one', async () => {
    await accounts.handle('a', key('1'), deposit(5))
    await (await openElsewhere()).handle('a', key('2'), withdraw(5))
    const stale = await accounts.stage('a')
    stale.decide(() => ({ accepted: [] }), meta)
    const append = { writes: [stale.write(), ...write('order-1', 0).writes] }
    expect(await store.append(append)).toMatchObject({ status: 'conflict', stream: 'account-a' })
    stale.settle(false)
    expect((await accounts.stage('a')).decide(withdraw(3), meta)).toMatchObject({ refused: { balance: 0 } })
  })
})

describe('history', () => {
  test('the state is read as it was before it ceased to be so', async () => {
    for (const [n, minor] of [1, 2, -2, 4].entries()) await accounts.handle('1', key(`k${n}`), deposit(minor))
    const upToBalance = (most: number) => accounts.loadWhile('1', ({ balance }) => balance <= most)
    expect(await upToBalance(-1)).toEqual({ state: { balance: 0 }, version: 0 })
    expect(await upToBalance(1)).toEqual({ state: { balance: 1 }, version: 1 })
    expect(await upToBalance(3)).toEqual({ state: { balance: 1 }, version: 3 })
    expect(await upToBalance(5)).toEqual({ state: { balance: 5 }, version: 4 })
  })

  test('events of older schemas are lifted step by step, and unknown types are passed over', async () => {
    const lifted: Aggregate<Account, AccountEvent> = {
      ...ACCOUNT,
      schemas: { Deposited: 3 },
      upcasters: {
        'Deposited@1': data => ({ cents: data.amount }),
        'Deposited@2': data => ({ minor: Number(data.cents) * 10 }),
      },
    }
    const older = createRepository(store, lifted)
    const deposited = (schema: number, data: { [key: string]: number }) => ({
      type: 'Deposited',
      schema,
      data,
    })
    await store.append(
      write(
        'account-1',
        0,
        deposited(1, { amount: 1 }),
        deposited(2, { cents: 2 }),
        deposited(3, { minor: 3 }),
        event('Forgotten', { minor: 1_000 }),
      ),
    )
    expect(await older.load('1')).toEqual({ state: { balance: 33 }, version: 4 })
    expect((await older.history('1')).map(({ event }) => event.data)).toEqual([
      { minor: 10 },
      { minor: 20 },
      { minor: 3 },
    ])
    await older.handle('1', key('a'), deposit(1))
    expect((await store.readStream('account-1', { after: 4 }))[0]).toMatchObject({ schema: 3 })
  })

  test('an event of a newer build stops an older one rather than being misread', async () => {
    await store.append(write('account-1', 0, { type: 'Deposited', schema: 2, data: {} }))
    await expect(accounts.load('1')).rejects.toMatchObject({ code: 'EVENT_FROM_NEWER_BUILD' })
  })

  test('an aggregate that lacks an upcaster is refused at the start', async () => {
    const lacking = { ...ACCOUNT, schemas: { Deposited: 3 }, upcasters: { 'Deposited@1': () => ({}) } }
    expect(() => createRepository(store, lacking)).toThrow('Deposited@2')
  })
})

describe('snapshots', () => {
  const saving = (schema: number): Aggregate<Account, AccountEvent> => ({
    ...ACCOUNT,
    snapshot: { schema, every: 5 },
  })

  test('a snapshot is saved every few events, and a load reads only later events', async () => {
    const saved = createRepository(store, saving(1))
    for (const n of upTo(7)) await saved.handle('1', key(`k${n}`), deposit(1))
    await eventually(async () =>
      expect(await store.loadSnapshot('account-1', 1)).toEqual({
        version: 5,
        schema: 1,
        state: { balance: 5 },
      }),
    )
    const reads: unknown[] = []
    const watched: EventStore = {
      ...store,
      readStream(stream, range) {
        reads.push(range)
        return store.readStream(stream, range)
      },
    }
    const fresh = createRepository(watched, saving(1))
    expect(await fresh.load('1')).toEqual({ state: { balance: 7 }, version: 7 })
    expect(reads).toEqual([{ after: 5 }])
  })

  test('a snapshot of another state schema is not used', async () => {
    await store.append(write('account-1', 0, event('Deposited', { minor: 7 })))
    await store.saveSnapshot('account-1', { version: 1, schema: 1, state: { balance: 1_000_000 } })
    const newer = createRepository(store, saving(2))
    expect(await newer.load('1')).toEqual({ state: { balance: 7 }, version: 1 })
  })

  test('a load that replays many events saves a snapshot, so that the next load does not', async () => {
    const unsaved = createRepository(store, ACCOUNT)
    for (const n of upTo(5)) await unsaved.handle('1', key(`k${n}`), deposit(1))
    await createRepository(store, saving(2)).load('1')
    await eventually(async () =>
      expect(await store.loadSnapshot('account-1', 2)).toEqual({
        version: 5,
        schema: 2,
        state: { balance: 5 },
      }),
    )
  })

  test('a snapshot that cannot be saved is logged, and the command succeeds', async () => {
    const warned = Promise.withResolvers<unknown>()
    const failing: EventStore = { ...store, saveSnapshot: () => Promise.reject(new Error('disk full')) }
    const logger = { warn: (...args: unknown[]) => warned.resolve(args[0]) }
    const logged = createRepository(failing, { ...ACCOUNT, snapshot: { schema: 1, every: 1 } }, { logger })
    expect(await logged.handle('1', key('a'), deposit(1))).toMatchObject({ status: 'accepted' })
    expect(await warned.promise).toMatchObject({ stream: 'account-1' })
  })
})
