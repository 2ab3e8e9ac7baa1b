import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startWatchdog, type WatchedClient } from '#platform/read-models/mongodb/connection-watchdog.ts'

/** A driver's client whose watch over its servers says what a test has it say. */
function createClient() {
  const news = new EventEmitter()
  const client = Object.assign(news, {
    options: { heartbeatFrequencyMS: 10_000, connectTimeoutMS: 10_000 },
    close: vi.fn(async () => {}),
    connect: vi.fn(async () => {}),
  })
  return {
    news,
    close: client.close,
    connect: client.connect,
    watched: client as unknown as WatchedClient, // the driver's client is a class of a hundred members
  }
}

const SILENCE_MS = 30_000
const onSilence = vi.fn()

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  onSilence.mockReset()
})

test('a client whose servers send heartbeats is left alone, whether they succeed or fail', async () => {
  const { news, close, watched } = createClient()
  await using _watch = startWatchdog(watched, onSilence)
  news.emit('serverOpening', { address: 'a:1' })
  for (let time = 0; time < 60; time++) {
    await vi.advanceTimersByTimeAsync(20_000)
    news.emit(time % 2 ? 'serverHeartbeatSucceeded' : 'serverHeartbeatFailed', { connectionId: 'a:1' })
  }
  expect(close).not.toHaveBeenCalled()
})

test('a client without heartbeats from one of its servers is reconnected once', async () => {
  const { news, close, connect, watched } = createClient()
  await using _watch = startWatchdog(watched, onSilence)
  news.emit('serverOpening', { address: 'a:1' })
  news.emit('serverOpening', { address: 'b:1' })
  for (let elapsed = 0; elapsed < SILENCE_MS; elapsed += 5_000) {
    expect(close).not.toHaveBeenCalled()
    news.emit('serverHeartbeatSucceeded', { connectionId: 'b:1' })
    await vi.advanceTimersByTimeAsync(5_000)
  }
  expect(onSilence.mock.calls).toEqual([['a:1']])
  expect([close, connect].map(({ mock }) => mock.calls.length)).toEqual([1, 1])
  await vi.advanceTimersByTimeAsync(4 * SILENCE_MS)
  expect(connect).toHaveBeenCalledTimes(1)
})

test('a reconnect is repeated until it succeeds, and the client is watched again from then on', async () => {
  const { news, connect, watched } = createClient()
  connect.mockRejectedValueOnce(new Error('away')).mockRejectedValueOnce(new Error('away'))
  await using _watch = startWatchdog(watched, onSilence)
  news.emit('serverOpening', { address: 'a:1' })
  await vi.advanceTimersByTimeAsync(SILENCE_MS + 15_000)
  expect(connect).toHaveBeenCalledTimes(3)
  news.emit('serverOpening', { address: 'a:1' })
  await vi.advanceTimersByTimeAsync(SILENCE_MS)
  expect(connect).toHaveBeenCalledTimes(4)
})

test('a server that was removed is not watched any more', async () => {
  const { news, close, watched } = createClient()
  await using _watch = startWatchdog(watched, onSilence)
  news.emit('serverOpening', { address: 'a:1' })
  news.emit('serverClosed', { address: 'a:1' })
  await vi.advanceTimersByTimeAsync(4 * SILENCE_MS)
  expect(close).not.toHaveBeenCalled()
})

test('disposing stops the watchdog, even while no server answers', async () => {
  const { news, connect, watched } = createClient()
  connect.mockRejectedValue(new Error('away'))
  const watch = startWatchdog(watched, onSilence)
  news.emit('serverOpening', { address: 'a:1' })
  await vi.advanceTimersByTimeAsync(SILENCE_MS + 5_000)
  await watch[Symbol.asyncDispose]()
  const tries = connect.mock.calls.length
  await vi.advanceTimersByTimeAsync(4 * SILENCE_MS)
  expect(connect).toHaveBeenCalledTimes(tries)
  expect(news.eventNames()).toEqual([])
})
