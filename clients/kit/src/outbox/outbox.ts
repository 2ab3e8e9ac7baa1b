// The entry `@waybill/kit/outbox`: commands that survive the network, the tab and the device, and are carried out once.
import { type Backoff, waitBefore } from '../core/backoff.ts'
import type { SendOperation } from '../core/http.ts'
import { newKey } from '../core/keys.ts'
import type { GraphqlError, OperationText } from '../core/request.ts'
import { indexedDbStore } from './indexed-db.ts'
import { elect } from './leader.ts'
import { type Attempt, attempt } from './sending.ts'
import type { Command, OutboxStore } from './store.ts'

export type { Command, OutboxStore } from './store.ts'

/** The outcome of a command. */
export type OutboxResult<T> =
  /** Done, pending or refused: `outcomeOf` tells them apart. */
  | { readonly kind: 'answered'; readonly data: T; readonly errors: readonly GraphqlError[] }
  /** It cannot be carried out as it is, and waits for `retry` or `discard`, as do those behind it in its group. */
  | { readonly kind: 'parked'; readonly errors: readonly GraphqlError[] }
  /** It was not answered in time, or taken back. If it was `attempted`, it may have been carried out. */
  | { readonly kind: 'expired' | 'discarded'; readonly attempted: boolean }

export type OutboxOptions = {
  /** Whose commands these are, such as the subject of the token: nobody else's token may send them. */
  readonly owner: string
  /** Sends one operation: `createSender`, or that of an adapter, so that a normalized cache sees the answer. */
  readonly send: SendOperation
  /**
   * Is told of each command that ended, also of those that were added before the app was started anew; it may be told twice,
   * by the tab that sends. A command is removed only after it resolved.
   */
  readonly onResult?: (command: Command, result: OutboxResult<unknown>) => void | Promise<void>
  /** IndexedDB when left out. */
  readonly store?: OutboxStore
  /** How many commands it holds at most, parked ones included; 500 when left out. */
  readonly most?: number
  /** How old a command may become, in ms. Less than the server remembers keys (30 days); 7 days when left out. */
  readonly maxAgeMs?: number
  /** How many are sent at a time, each of another group; 4 when left out. */
  readonly parallel?: number
  /** How often a command may meet a fault on the other side before it is parked; 5 when left out. */
  readonly maxFaults?: number
  /** How long an answer may take, in ms; 30,000 when left out. */
  readonly timeoutMs?: number
  /** How long to wait between attempts; 1 s up to 60 s when left out. */
  readonly backoff?: Backoff
}

export type NewCommand<T> = {
  readonly query: OperationText<T>
  readonly operationName?: string
  /** Returns the variables, with the key where the operation takes it. It is called once. */
  readonly variables: (idempotencyKey: string) => Readonly<Record<string, unknown>>
  /** What it is about, such as the id of an order: commands of one group are sent in order. */
  readonly group?: string
  /** A key of the app's own, such as the id of a cart: a command that is added twice is sent once. */
  readonly key?: string
}

export type Outbox = {
  /**
   * Resolves once the command is on the disk, with its key and the promise of its result, which lasts as long as the page.
   * Rejects when the outbox is full.
   */
  add<T>(command: NewCommand<T>): Promise<{ readonly key: string; readonly result: Promise<OutboxResult<T>> }>
  /** Resolves with all commands that have not ended, in order. */
  commands(): Promise<Command[]>
  /** Sends a parked command again. */
  retry(key: string): Promise<void>
  /** Takes a command back. One that is being sent may be carried out all the same. */
  discard(key: string): Promise<void>
  /** Calls `listener` whenever `commands` may have changed, in any tab, until the returned function is called. */
  onChange(listener: () => void): () => void
  /** Stops sending in this tab. The commands stay. */
  close(): void
}

/** The messages of tabs. */
type Notice = { readonly changed: true; readonly key?: string; readonly result?: OutboxResult<unknown> }
type Waiter = { readonly command: Command; readonly resolve: (result: OutboxResult<unknown>) => void }

type State = {
  readonly options: Required<Omit<OutboxOptions, 'store' | 'owner'>>
  readonly store: OutboxStore
  readonly channel: InstanceType<typeof BroadcastChannel> | undefined
  readonly waiters: Map<string, Waiter[]>
  readonly listeners: Set<() => void>
  readonly closed: AbortController
  /** The keys of commands that are being sent. */
  readonly inFlight: Set<string>
  /** How often each was tried in vain, and when it is tried again. */
  readonly waits: Map<string, { readonly attempts: number; readonly until: number }>
  leads: boolean
  working: boolean
  again: boolean
  timer: ReturnType<typeof setTimeout> | undefined
}

const DAY_MS = 86_400_000
/** The longest time between two looks at the commands, of which some may have become too old, in ms. */
const LOOK_MS = 60_000

declare const addEventListener: ((type: string, listener: () => void) => void) | undefined
declare const removeEventListener: ((type: string, listener: () => void) => void) | undefined

/** Opens the outbox of `owner`, and sends what is in it. All tabs of an app may open it: one of them sends. */
export function createOutbox({ owner, store, ...options }: OutboxOptions): Outbox {
  const name = `waybill-outbox-${owner}`
  const state: State = {
    options: {
      onResult: () => {},
      most: 500,
      maxAgeMs: 7 * DAY_MS,
      parallel: 4,
      maxFaults: 5,
      timeoutMs: 30_000,
      backoff: { minMs: 1000, maxMs: 60_000 },
      ...options,
    },
    store: store ?? indexedDbStore(name),
    channel: typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name),
    waiters: new Map(),
    listeners: new Set(),
    closed: new AbortController(),
    inFlight: new Set(),
    waits: new Map(),
    leads: false,
    working: false,
    again: false,
    timer: undefined,
  }
  const online = () => {
    state.waits.clear()
    work(state)
  }
  if (typeof addEventListener === 'function') addEventListener('online', online)
  if (state.channel) state.channel.onmessage = ({ data }: { readonly data: Notice }) => hear(state, data)
  elect(name, { store: state.store, signal: state.closed.signal, lead: leads => lead(state, leads) })
  return {
    add: command => add(state, command),
    commands: () => state.store.list(),
    retry: key => retry(state, key),
    discard: key => discard(state, key),
    onChange(listener) {
      state.listeners.add(listener)
      return () => state.listeners.delete(listener)
    },
    close() {
      if (typeof removeEventListener === 'function') removeEventListener('online', online)
      state.leads = false
      clearTimeout(state.timer)
      state.closed.abort()
      state.channel?.close()
      state.store.close?.()
    },
  }
}

async function add<T>(
  state: State,
  { query, operationName, variables, group, key = newKey() }: NewCommand<T>,
): Promise<{ readonly key: string; readonly result: Promise<OutboxResult<T>> }> {
  const { most } = state.options
  const command = await state.store.add(
    {
      key,
      group: group ?? null,
      query: String(query),
      operationName: operationName ?? null,
      variables: variables(key),
      addedAt: Date.now(),
      attempted: false,
      faults: 0,
      parked: null,
    },
    most,
  )
  if (!command) throw new Error(`the outbox is full: it has ${most} commands`)
  const result = new Promise<OutboxResult<T>>(resolve => {
    // The server answers by the schema that the types were generated from.
    const waiter: Waiter = { command, resolve: result => resolve(result as OutboxResult<T>) }
    state.waiters.set(key, [...(state.waiters.get(key) ?? []), waiter])
  })
  announce(state)
  return { key, result }
}

async function retry(state: State, key: string): Promise<void> {
  const command = (await state.store.list()).find(command => command.key === key)
  if (command) await state.store.update({ ...command, faults: 0, parked: null })
  state.waits.delete(key)
  announce(state)
}

async function discard(state: State, key: string): Promise<void> {
  const command = (await state.store.list()).find(command => command.key === key)
  if (command) await end(state, command, { kind: 'discarded', attempted: command.attempted })
}

/** Tells this tab and all others that something changed, so that whoever leads looks. */
function announce(state: State, key?: string, result?: OutboxResult<unknown>): void {
  const notice: Notice = { changed: true, ...(key && { key }), ...(result && { result }) }
  if (!state.closed.signal.aborted) state.channel?.postMessage(notice)
  hear(state, notice)
}

function hear(state: State, { key, result }: Notice): void {
  if (key && result) {
    const waiters = state.waiters.get(key) ?? []
    state.waiters.delete(key)
    for (const { resolve } of waiters) resolve(result)
  }
  for (const listener of state.listeners) listener()
  work(state)
}

/**
 * Begins or stops to send. The tab that led before may have been killed after it removed a command, and before it told its
 * result: such a command is sent again under its key, and gets the same result.
 */
function lead(state: State, leads: boolean): void {
  state.leads = leads
  if (!leads) return
  const waiting = [...state.waiters.values()].flatMap(([waiter]) => waiter?.command ?? [])
  Promise.all(waiting.map(command => state.store.add(command, state.options.most)))
    .catch(() => {}) // the store fails: `work` meets that, too
    .finally(() => work(state))
}

/** Looks at all commands and sends what is due; what changes meanwhile is looked at afterwards. */
function work(state: State): void {
  if (!state.leads) return
  state.again = true
  if (state.working) return
  state.working = true
  const rounds = async () => {
    while (state.again && state.leads) {
      state.again = false
      await look(state)
    }
  }
  rounds()
    .catch(() => {
      // The store failed: it is tried again as if there were nothing to do.
      state.again = false
      sleep(state, state.options.backoff.maxMs)
    })
    .finally(() => {
      state.working = false
      if (state.again) work(state)
    })
}

async function look(state: State): Promise<void> {
  const now = Date.now()
  const groups = new Set<string>()
  let sleepMs = LOOK_MS
  for (const command of await state.store.list()) {
    const { key, group, parked } = command
    const isFirst = !groups.has(group ?? key)
    groups.add(group ?? key)
    if (!isFirst || state.inFlight.has(key) || (parked && !isTooOld(state, command))) continue
    const { until = 0 } = state.waits.get(key) ?? {}
    if (until > now) sleepMs = Math.min(sleepMs, until - now)
    else if (state.inFlight.size < state.options.parallel) carryOut(state, command)
  }
  sleep(state, sleepMs)
}

function isTooOld({ options }: State, { addedAt }: Command): boolean {
  return addedAt + options.maxAgeMs <= Date.now()
}

function sleep(state: State, ms: number): void {
  clearTimeout(state.timer)
  if (state.leads) state.timer = setTimeout(() => work(state), ms)
}

function carryOut(state: State, command: Command): void {
  state.inFlight.add(command.key)
  sendOnce(state, command)
    .catch(() => postpone(state, command, 0)) // the store or the app failed
    .finally(() => {
      state.inFlight.delete(command.key)
      work(state)
    })
}

async function sendOnce(state: State, unsent: Command): Promise<void> {
  const { send, timeoutMs } = state.options
  if (isTooOld(state, unsent))
    // It goes in any case: an app that fails to take note must not keep it for ever.
    return end(state, unsent, { kind: 'expired', attempted: unsent.attempted }).catch(() =>
      state.store.remove(unsent.key),
    )
  const command = { ...unsent, attempted: true }
  if (!unsent.attempted) await state.store.update(command)
  const { signal } = state.closed
  const outcome = await attempt({ send, command, timeoutMs, signal })
  // An answer that comes too late for this tab is told by the next one: the command is still there.
  if (!signal.aborted) await conclude(state, command, outcome)
}

async function conclude(state: State, command: Command, attempt: Attempt): Promise<void> {
  switch (attempt.kind) {
    case 'answered':
      return end(state, command, attempt)
    case 'later':
      return postpone(state, command, attempt.waitMs)
    case 'fault':
      return fault(state, command, attempt.errors)
    case 'rejected':
      return park(state, command, attempt.errors)
  }
}

function postpone({ waits, options }: State, { key }: Command, atLeastMs: number): void {
  const { attempts = 0 } = waits.get(key) ?? {}
  const until = Date.now() + waitBefore(attempts, options.backoff, atLeastMs)
  waits.set(key, { attempts: attempts + 1, until })
}

async function fault(state: State, command: Command, errors: readonly GraphqlError[]): Promise<void> {
  const faults = command.faults + 1
  if (faults >= state.options.maxFaults) return park(state, command, errors)
  await state.store.update({ ...command, faults })
  postpone(state, command, 0)
}

async function park(state: State, command: Command, errors: readonly GraphqlError[]): Promise<void> {
  const parked = { ...command, parked: errors }
  await state.store.update(parked)
  const result: OutboxResult<unknown> = { kind: 'parked', errors }
  announce(state, command.key, result)
  await state.options.onResult(parked, result)
}

/** Tells the result before the command is removed: if the tab is killed in between, it is told again. */
async function end(state: State, command: Command, result: OutboxResult<unknown>): Promise<void> {
  await state.options.onResult(command, result)
  await state.store.remove(command.key)
  state.waits.delete(command.key)
  announce(state, command.key, result)
}
