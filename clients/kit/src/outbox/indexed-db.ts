// Keeps an outbox in IndexedDB.
import type { Command, OutboxStore } from './store.ts'

/** The used part of IndexedDB, so that the kit's types hold in apps without those of a browser. */
type IdbRequest<T> = {
  readonly result: T
  readonly error: Error | null
  onsuccess: (() => void) | null
  onerror: (() => void) | null
}
type IdbStore = {
  createIndex(name: string, path: string, options: { readonly unique: boolean }): unknown
  index(name: string): Pick<IdbStore, 'get' | 'getKey'>
  get(key: string): IdbRequest<unknown>
  getKey(key: string): IdbRequest<unknown>
  getAll(): IdbRequest<unknown[]>
  count(): IdbRequest<number>
  put(value: unknown, key?: unknown): IdbRequest<unknown>
  add(value: unknown): IdbRequest<unknown>
  delete(key: unknown): IdbRequest<unknown>
}
type IdbTransaction = {
  readonly error: Error | null
  objectStore(name: string): IdbStore
  oncomplete: (() => void) | null
  onabort: (() => void) | null
}
type IdbDatabase = {
  createObjectStore(name: string, options?: { readonly autoIncrement: boolean }): IdbStore
  transaction(stores: string, mode: string, options?: { readonly durability: string }): IdbTransaction
  close(): void
  onclose: (() => void) | null
  onversionchange: (() => void) | null
}
type IdbOpenRequest = IdbRequest<IdbDatabase> & { onupgradeneeded: (() => void) | null }
declare const indexedDB: { open(name: string, version: number): IdbOpenRequest } | undefined

const COMMANDS = 'commands'
const LEASES = 'leases'
const BY_KEY = 'key'

/** Opens the database `name` when it is first used. Each write is on the disk before it resolves. */
export function indexedDbStore(name: string): OutboxStore {
  let opened: Promise<IdbDatabase> | undefined
  const database = () => {
    const forget = () => {
      opened = undefined // the next use opens it again
    }
    opened ??= openDatabase(name, forget).catch((error: unknown) => {
      forget()
      throw error
    })
    return opened
  }
  /** Runs `work` in one transaction, and resolves with what it returned once that is committed. */
  async function write<T>(store: string, work: (store: IdbStore) => Promise<T>): Promise<T> {
    const transaction = (await database()).transaction(store, 'readwrite', { durability: 'strict' })
    const committed = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
    const [result] = await Promise.all([work(transaction.objectStore(store)), committed])
    return result
  }

  return {
    add: (command, most) =>
      write(COMMANDS, async store => {
        const there = await done(store.index(BY_KEY).get(command.key))
        if (there) return there as Command // only this module writes here
        if ((await done(store.count())) >= most) return undefined
        await done(store.add(command))
        return command
      }),
    async list() {
      const store = (await database()).transaction(COMMANDS, 'readonly').objectStore(COMMANDS)
      return (await done(store.getAll())) as Command[] // only this module writes here
    },
    update: command => write(COMMANDS, store => changeAt(store, command.key, at => store.put(command, at))),
    remove: key => write(COMMANDS, store => changeAt(store, key, at => store.delete(at))),
    lease: (owner, ms) =>
      write(LEASES, async store => {
        const [held] = (await done(store.getAll())) as { owner: string; until: number }[]
        if (held && held.owner !== owner && held.until > Date.now()) return false
        await done(store.put({ owner, until: Date.now() + ms }, 'sender'))
        return true
      }),
    close() {
      opened?.then(
        database => database.close(),
        () => {}, // there is nothing to close
      )
      opened = undefined
    },
  }
}

async function changeAt(
  store: IdbStore,
  key: string,
  change: (position: unknown) => IdbRequest<unknown>,
): Promise<void> {
  const position = await done(store.index(BY_KEY).getKey(key))
  if (position !== undefined) await done(change(position))
}

async function openDatabase(name: string, closed: () => void): Promise<IdbDatabase> {
  if (typeof indexedDB === 'undefined') throw new Error('there is no IndexedDB here: give the outbox a store')
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => {
    const { result } = request
    result.createObjectStore(COMMANDS, { autoIncrement: true }).createIndex(BY_KEY, BY_KEY, { unique: true })
    result.createObjectStore(LEASES)
  }
  const database = await done(request)
  database.onclose = closed
  database.onversionchange = () => {
    database.close()
    closed()
  }
  return database
}

function done<T>(request: IdbRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
