// Reconnects a MongoDB client whose server monitoring has stopped.
//
// The driver sends each server a heartbeat every `heartbeatFrequencyMS`, which succeeds or fails within
// `connectTimeoutMS`. After a server was killed, the heartbeats were seen to stop without an event, and the client never
// noticed that the server was back.
import type { MongoClient, ServerHeartbeatFailedEvent, ServerOpeningEvent } from 'mongodb'

export type WatchedClient = Pick<MongoClient, 'on' | 'off' | 'close' | 'connect'> & {
  readonly options: Pick<MongoClient['options'], 'heartbeatFrequencyMS' | 'connectTimeoutMS'>
}

/** Checks in the longest time between two heartbeats. Checks are counted, so that a stalled process is no silence. */
const CHECKS = 4
/** Checks in a row without a heartbeat after which a server counts as silent: half as long again as one may take. */
const SILENT_CHECKS = 6

/** Watches `client`, which must not be connected yet, until disposed. During a reconnect its calls fail as in an outage. */
export function startWatchdog(client: WatchedClient, onSilence: (address: string) => void): AsyncDisposable {
  const checkMs = (client.options.heartbeatFrequencyMS + client.options.connectTimeoutMS) / CHECKS
  const checks = new Map<string, number>()
  let isDown = false
  let reconnecting: Promise<void> | undefined

  const reset = ({ connectionId }: Pick<ServerHeartbeatFailedEvent, 'connectionId'>) =>
    void checks.set(connectionId, 0)
  const begin = ({ address }: Pick<ServerOpeningEvent, 'address'>) => void checks.set(address, 0)
  const forget = ({ address }: Pick<ServerOpeningEvent, 'address'>) => void checks.delete(address)

  function check(): void {
    if (reconnecting) return
    for (const [address, count] of checks) checks.set(address, count + 1)
    const silent = [...checks].find(([, count]) => count >= SILENT_CHECKS)
    if (silent) onSilence(silent[0])
    isDown ||= silent !== undefined
    if (isDown)
      reconnecting = reconnect().finally(() => {
        reconnecting = undefined
      })
  }

  /** A failed reconnect is tried again at the next check. */
  async function reconnect(): Promise<void> {
    checks.clear()
    await client.close().catch(() => {}) // a client that fails to close is connected all the same
    isDown = await client.connect().then(
      () => false,
      () => true,
    )
  }

  client.on('serverOpening', begin)
  client.on('serverHeartbeatSucceeded', reset)
  client.on('serverHeartbeatFailed', reset)
  client.on('serverClosed', forget)
  const timer = setInterval(check, checkMs)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      client.off('serverOpening', begin)
      client.off('serverHeartbeatSucceeded', reset)
      client.off('serverHeartbeatFailed', reset)
      client.off('serverClosed', forget)
      await reconnecting
    },
  }
}
