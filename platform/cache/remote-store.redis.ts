// The byte store on Redis or Valkey, a single server or a cluster. It reconnects only when it is told to.
import { Cluster, type ClusterNode, Redis } from 'ioredis'
import { type RemoteStore, StoreRefusal } from '#platform/cache/circuit-breaker.ts'

const CONNECT_TIMEOUT_MS = 1_000
const RELEASE_CLAIM = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

type ReconnectOptions = {
  /** Connects when it is told to, rather than at once. */
  readonly lazyConnect: boolean
  /** Returns the pause in milliseconds before another attempt to connect; null makes none. */
  readonly retryStrategy: (attempt: number) => number | null
}

type RedisStoreOptions = {
  /** One URL, or the URLs of a cluster's nodes. */
  readonly urls: readonly string[]
  /** Called when the connection is lost, but not when `disconnect` closes it. */
  readonly onLost: () => void
}

export function createRedisStore({ urls, onLost }: RedisStoreOptions): RemoteStore {
  let client: Redis | Cluster | undefined

  function disconnect(): void {
    client?.removeAllListeners('end')
    client?.disconnect()
    client = undefined
  }

  /** Fails at once while there is no connection. */
  async function run<T>(operation: (connected: Redis | Cluster) => Promise<T>): Promise<T> {
    if (!client) throw new Error('there is no connection')
    try {
      return await operation(client)
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') throw new StoreRefusal(error.message)
      throw withoutCommand(error)
    }
  }

  return {
    async connect() {
      disconnect()
      client = createRedisClient(urls, { lazyConnect: true, retryStrategy: () => null })
      await connectClient(client, onLost)
    },
    disconnect,
    get: key => run(async connected => (await connected.getBuffer(key)) ?? undefined),
    set: (key, bytes, ttlMs) =>
      run(async connected => {
        await connected.set(key, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 'PX', ttlMs)
      }),
    claim: (key, token, ttlMs) =>
      run(async connected => (await connected.set(key, token, 'PX', ttlMs, 'NX')) === 'OK'),
    releaseClaim: (key, token) =>
      run(async connected => {
        await connected.eval(RELEASE_CLAIM, 1, key, token)
      }),
  }
}

/** Throws the error that closed the connection, which says more than that it is closed. */
async function connectClient(client: Redis | Cluster, onLost: () => void): Promise<void> {
  let reason: unknown
  client.on('error', error => {
    reason = error // after connecting, the operation that fails because of it reports it
  })
  const ended = new Promise<never>((_, reject) =>
    client.once('end', () => reject(new Error('the connection was ended'))),
  )
  ended.catch(() => {}) // an end after connecting is reported by onLost
  client.once('end', onLost)
  try {
    await Promise.race([client.connect(), ended]) // a cluster that is not ready only ends
    await client.ping()
  } catch (error) {
    throw withoutCommand(reason ?? error)
  }
}

/** The driver's errors hold the command and its arguments, which may be a password or a customer's address. */
export function withoutCommand(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : String(error))
}

/** Returns a client of one server, or of the cluster with these nodes. Commands fail at once while there is no connection. */
export function createRedisClient(
  urls: readonly string[],
  { lazyConnect, retryStrategy }: ReconnectOptions,
): Redis | Cluster {
  const options = {
    retryStrategy,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  }
  const [first = '', ...others] = urls
  if (others.length === 0) return new Redis(first, { ...options, lazyConnect })
  const { username, password, protocol } = new URL(first)
  return new Cluster(urls.map(nodeOf), {
    lazyConnect,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    redisOptions: {
      ...options,
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
