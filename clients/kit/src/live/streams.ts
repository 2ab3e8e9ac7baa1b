// A session over server-sent events, for networks that block WebSockets: a request for each operation.
import { codeOf, type GraphqlRequest, isResult, requestJson, retryAfterOf } from '../core/request.ts'
import { readEvents } from './event-stream.ts'
import {
  keepTokenFresh,
  type Session,
  type SessionEnd,
  type SessionEvents,
  type SessionOptions,
} from './session.ts'

type Streams = {
  readonly options: SessionOptions
  readonly events: SessionEvents
  readonly open: Map<string, AbortController>
  live: boolean
  over: boolean
  stopTokens: () => void
}

export function openStreams(options: SessionOptions, events: SessionEvents): Session {
  const streams: Streams = {
    options,
    events,
    open: new Map(),
    live: false,
    over: false,
    // The token of a stream cannot be replaced: the streams are opened anew, each behind its last change.
    stopTokens: keepTokenFresh(options.tokens, () => end(streams, { reason: 'the token was renewed' })),
  }
  return {
    start(id, request) {
      const stream = new AbortController()
      streams.open.set(id, stream)
      follow(streams, { id, request, stream }).catch((error: unknown) => {
        if (streams.open.get(id) === stream) end(streams, { reason: String(error) })
      })
    },
    stop(id) {
      streams.open.get(id)?.abort()
      streams.open.delete(id)
    },
    close: () => void close(streams),
  }
}

type Followed = {
  readonly id: string
  readonly request: GraphqlRequest
  readonly stream: AbortController
}

async function follow(streams: Streams, followed: Followed): Promise<void> {
  const { options, events, open } = streams
  const { id, stream } = followed
  const response = await request(options, followed)
  if (!response.ok || !response.body) return refuse(streams, id, response)
  if (!streams.live && !streams.over) {
    streams.live = true
    events.live()
  }
  const silenceMs = options.keepAliveMs + options.timeoutMs
  for await (const { event, data } of readEvents(response.body, silenceMs, stream)) {
    if (open.get(id) !== stream || streams.over) return
    if (event === 'next') deliver(streams, id, JSON.parse(data))
    if (event !== 'complete') continue
    open.delete(id)
    return events.completed(id)
  }
  if (open.get(id) === stream) end(streams, { reason: 'the stream broke off' })
}

async function request(options: SessionOptions, { request, stream }: Followed): Promise<Response> {
  const timeout = setTimeout(() => stream.abort(), options.timeoutMs)
  const { fetch: send, token } = options // called without `options` as its this, which browsers refuse
  try {
    return await send(options.url, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: requestJson(request),
      signal: stream.signal,
    })
  } finally {
    clearTimeout(timeout)
  }
}

function deliver(streams: Streams, id: string, result: unknown): void {
  if (!isResult(result))
    return void end(streams, { reason: 'the server sent no GraphQL result', fatal: true })
  const { errors } = result
  if ('data' in result || !errors) streams.events.next(id, result)
  else if (codeOf(errors) === 'UNAUTHENTICATED')
    end(streams, { reason: errors[0]?.message ?? '', tokenRefused: true })
  else {
    streams.open.delete(id)
    streams.events.failed(id, errors)
  }
}

/** A response that is no stream: about the token, about this operation, or about the service. */
async function refuse(streams: Streams, id: string, response: Response): Promise<void> {
  const { status } = response
  const body: unknown = await response.json().catch(() => undefined)
  const errors = isResult(body) ? body.errors : undefined
  const reason = errors?.[0]?.message ?? `HTTP ${status}`
  if (errors && status >= 400 && status < 500 && status !== 401 && status !== 429) {
    streams.open.delete(id)
    streams.events.failed(id, errors)
  } else end(streams, { reason, tokenRefused: status === 401, retryAfterMs: retryAfterOf(errors) })
}

function end(streams: Streams, why: SessionEnd): void {
  if (close(streams)) streams.events.ended(why)
}

function close(streams: Streams): boolean {
  if (streams.over) return false
  streams.over = true
  streams.stopTokens()
  for (const stream of streams.open.values()) stream.abort()
  streams.open.clear()
  return true
}
