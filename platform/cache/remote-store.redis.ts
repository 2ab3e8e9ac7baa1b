// Tier 2 on Redis or Valkey, a single server or a cluster. Reconnects only when it is told to.
import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis'
import { RefusedByStore, type RemoteTier } from '#platform/cache/remote-store.ts'

const CONNECT_TIMEOUT_MS = 1_000
const GIVE_BACK = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

const OPTIONS = {
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} satisfies RedisOptions

export type RedisTierOptions = {
  /** One URL, or the URLs of a cluster's nodes. */
  readonly urls: readonly string[]
  /** The connection was lost, without having been left. */
  readonly onLost: () => void
}

export function createRedisTier({ urls, onLost }: RedisTierOptions): RemoteTier {
  let client: Redis | Cluster | undefined

  function leave(): void {
    client?.removeAllListeners('end')
    client?.disconnect()
    client = undefined
  }

  /** Fails at once while there is no connection. */
  async function ask<T>(work: (connected: Redis | Cluster) => Promise<T>): Promise<T> {
    if (!client) throw new Error('there is no connection')
    try {
      return await work(client)
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') throw new RefusedByStore(error.message)
      throw bare(error)
    }
  }

  return {
    async connect() {
      leave()
      const made = open(urls)
      client = made
      let why: unknown
      made.on('error', error => {
        why = error // later on, told by what fails because of it
      })
      const ended = new Promise<never>((_, reject) =>
        made.once('end', () => reject(new Error('the connection was ended'))),
      )
      ended.catch(() => {})
      made.once('end', onLost)
      try {
        await Promise.race([made.connect(), ended]) // a cluster that is not ready says so by its end alone
        await made.ping()
      } catch (error) {
        throw bare(why ?? error) // "closed" says less than what closed it
      }
    },
    disconnect: leave,
    get: key => ask(async connected => (await connected.getBuffer(key)) ?? undefined),
    set: (key, bytes, ttlMs) =>
      ask(async connected => {
        await connected.set(key, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 'PX', ttlMs)
      }),
    claim: (key, token, ttlMs) =>
      ask(async connected => (await connected.set(key, token, 'PX', ttlMs, 'NX')) === 'OK'),
    giveBack: (key, token) =>
      ask(async connected => {
        await connected.eval(GIVE_BACK, 1, key, token)
      }),
  }
}

/** The driver's own errors hold the command with all that it was given, a password or a customer's address. */
function bare(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : String(error))
}

function open(urls: readonly string[]): Redis | Cluster {
  const [first = '', ...others] = urls
  if (others.length === 0)
    return new Redis(first, { ...OPTIONS, enableOfflineQueue: false, retryStrategy: () => null })
  const { username, password, protocol } = new URL(first)
  return new Cluster(urls.map(nodeOf), {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    redisOptions: {
      ...OPTIONS,
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    },
  })
}

function nodeOf(url: string): ClusterNode {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || 6379) }
}
