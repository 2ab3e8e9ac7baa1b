// Connects a MongoDB client anew when its watch over a server has stopped. Free of what the client is used for.
//
// The driver asks each server every `heartbeatFrequencyMS` how it is, and hears of it, or gives up, in `connectTimeoutMS`.
// That was seen to stop without a word when a server was killed, and its client then never noticed that it was back.
import type { MongoClient, ServerHeartbeatFailedEvent, ServerOpeningEvent } from 'mongodb'

export type WatchedClient = Pick<MongoClient, 'on' | 'off' | 'close' | 'connect'> & {
  readonly options: Pick<MongoClient['options'], 'heartbeatFrequencyMS' | 'connectTimeoutMS'>
}

/** Looks in the time that a server may take to be heard of. Looks are counted, so that a stalled process is no silence. */
const LOOKS = 4
/** In a row, without news of a server: half as long again as it may take. */
const SILENT_LOOKS = 6

/** Before it is connected, until disposed. While the client is connected anew its calls fail as in an outage. */
export function startWatchdog(client: WatchedClient, onSilence: (address: string) => void): AsyncDisposable {
  const lookMs = (client.options.heartbeatFrequencyMS + client.options.connectTimeoutMS) / LOOKS
  const looks = new Map<string, number>()
  let isLost = false
  let reviving: Promise<void> | undefined

  const hear = ({ connectionId }: Pick<ServerHeartbeatFailedEvent, 'connectionId'>) =>
    void looks.set(connectionId, 0)
  const begin = ({ address }: Pick<ServerOpeningEvent, 'address'>) => void looks.set(address, 0)
  const forget = ({ address }: Pick<ServerOpeningEvent, 'address'>) => void looks.delete(address)

  function look(): void {
    if (reviving) return
    for (const [address, count] of looks) looks.set(address, count + 1)
    const silent = [...looks].find(([, count]) => count >= SILENT_LOOKS)
    if (silent) onSilence(silent[0])
    isLost ||= silent !== undefined
    if (isLost)
      reviving = revive().finally(() => {
        reviving = undefined
      })
  }

  /** What fails is tried again at the next look. */
  async function revive(): Promise<void> {
    looks.clear()
    await client.close().catch(() => {})
    isLost = await client.connect().then(
      () => false,
      () => true,
    )
  }

  client.on('serverOpening', begin)
  client.on('serverHeartbeatSucceeded', hear)
  client.on('serverHeartbeatFailed', hear)
  client.on('serverClosed', forget)
  const timer = setInterval(look, lookMs)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      client.off('serverOpening', begin)
      client.off('serverHeartbeatSucceeded', hear)
      client.off('serverHeartbeatFailed', hear)
      client.off('serverClosed', forget)
      await reviving
    },
  }
}
