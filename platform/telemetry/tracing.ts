// Spans and W3C trace context, at almost no cost while tracing is off. The SDK is loaded by tracing-sdk.ts.
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OperatorError } from '#platform/domain/errors.ts'

export type SpanSettings = {
  /** The W3C traceparent of the parent; the active span by default, and when it is malformed. */
  readonly parent?: string | undefined
  readonly attributes?: Attributes
  readonly kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  /** The service that the span and all within it belong to; that of the surrounding `inService` by default. */
  readonly service?: string
  /** Milliseconds of `Date.now()`; now by default. */
  readonly startTime?: number
}

export type SpanOutcome = {
  readonly error?: unknown
  readonly attributes?: Attributes
  /** Replaces the span's name, where it is known only afterwards. */
  readonly name?: string
}

/** A span that has not ended. `run` makes it the active one while `work` runs. */
export type OpenSpan = {
  readonly traceparent: string
  run<T>(work: () => T): T
  end(outcome?: SpanOutcome): void
}

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const
const SERVICE = createContextKey('waybill.service')
const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/
const NO_TRACE = '0'.repeat(32)

const tracers = new Map<string, Tracer>()

/** Returns true between `startTracing` with an endpoint and its disposal. */
export function isTracing(): boolean {
  return tracers.size > 0
}

/**
 * Sends the spans of `service` to an OTLP endpoint (http/protobuf, `/v1/traces` is appended). Without an endpoint it
 * does nothing and loads nothing. Call it before `graphql` is first imported, or its spans are missing. Services that
 * share a process each call it: spans carry the `service.name` of the service they belong to. Disposing flushes.
 */
export async function startTracing(options: {
  readonly service: string
  readonly endpoint?: string | undefined
}): Promise<AsyncDisposable> {
  const { service, endpoint } = options
  if (!endpoint) return { async [Symbol.asyncDispose]() {} }
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) throw notAnEndpoint(endpoint)
  const { openTracer } = await import('#platform/telemetry/tracing-sdk.ts')
  const opened = openTracer({ service, endpoint, contextual })
  tracers.set(service, opened.tracer)
  return {
    async [Symbol.asyncDispose]() {
      tracers.delete(service)
      await opened.close()
    },
  }
}

function notAnEndpoint(endpoint: string): OperatorError {
  return new OperatorError(
    'CONFIG_INVALID',
    `the configuration is not usable:\n  OTEL_EXPORTER_OTLP_ENDPOINT: holds ${JSON.stringify(endpoint)}; should hold a URL such as http://127.0.0.1:4318`,
  )
}

/** Assigns the spans that `work` and its asynchronous continuations open to `service`. */
export function inService<T>(service: string, work: () => T): T {
  return isTracing() ? context.with(context.active().setValue(SERVICE, service), work) : work()
}

function tracerOf(active: Context): Tracer | undefined {
  const service = active.getValue(SERVICE)
  const own = typeof service === 'string' ? tracers.get(service) : undefined
  return own ?? tracers.values().next().value
}

/** Chooses the tracer by the service of the context, for the instrumentations of shared libraries. */
const contextual: Pick<Tracer, 'startSpan'> = {
  startSpan(name: string, options?: SpanOptions, active: Context = context.active()): Span {
    const tracer = tracerOf(active) ?? trace.getTracer('waybill')
    return tracer.startSpan(name, options, active)
  },
}

/** Opens a span that outlives a function call; undefined while tracing is off. The caller must end it. */
export function openSpan(name: string, settings: SpanSettings = {}): OpenSpan | undefined {
  if (!isTracing()) return undefined
  const surrounding = contextFor(settings)
  const span = contextual.startSpan(name, spanOptions(settings), surrounding)
  const inside = trace.setSpan(surrounding, span)
  return {
    traceparent: formatTraceparent(span),
    run: work => context.with(inside, work),
    end(outcome = {}) {
      if (outcome.name !== undefined) span.updateName(outcome.name)
      if (outcome.attributes) span.setAttributes(outcome.attributes)
      if (outcome.error !== undefined) recordError(span, outcome.error)
      span.end()
    },
  }
}

/** Runs `work` in a new span, which fails when `work` throws. Only calls `work`, without a span, while tracing is off. */
export async function inSpan<T>(
  name: string,
  settings: SpanSettings,
  work: (span: OpenSpan | undefined) => Promise<T>,
): Promise<T> {
  const span = openSpan(name, settings)
  return span === undefined ? work(undefined) : endAfter([span], () => span.run(() => work(span)))
}

async function endAfter<T>(spans: readonly OpenSpan[], work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    for (const span of spans) span.end()
    return result
  } catch (error) {
    for (const span of spans) span.end({ error })
    throw error
  }
}

type Caused = { readonly meta: { readonly traceparent?: string } }

/**
 * Runs `work` within a span for each distinct traceparent of `events`; none of them is the active one. All are failed
 * when `work` throws. Only calls `work` while tracing is off.
 */
export async function inEventSpans<T>(
  name: string,
  events: readonly Caused[],
  work: () => Promise<T>,
): Promise<T> {
  if (!isTracing()) return work()
  const parents = new Set(events.flatMap(({ meta }) => meta.traceparent ?? []))
  return endAfter(
    [...parents].flatMap(parent => openSpan(name, { parent, kind: 'consumer' }) ?? []),
    work,
  )
}

function contextFor({ parent, service }: SpanSettings): Context {
  const active = context.active()
  const remote = parent === undefined ? undefined : parseTraceparent(parent)
  const within = remote === undefined ? active : trace.setSpanContext(active, { ...remote, isRemote: true })
  return service === undefined ? within : within.setValue(SERVICE, service)
}

function spanOptions({ attributes, kind = 'internal', startTime }: SpanSettings): SpanOptions {
  return {
    kind: KINDS[kind],
    ...(attributes && { attributes }),
    ...(startTime !== undefined && { startTime }),
  }
}

function recordError(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  span.recordException(error instanceof Error ? error : message)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

/** Returns the W3C traceparent of the active span; undefined outside a span and while tracing is off. */
export function traceparent(): string | undefined {
  if (!isTracing()) return undefined
  const span = trace.getActiveSpan()
  return span && formatTraceparent(span)
}

/** Returns the ids of the active span, under the names that they have in log lines. */
export function activeTrace(): { trace_id: string; span_id: string } | undefined {
  if (!isTracing()) return undefined
  const ids = trace.getActiveSpan()?.spanContext()
  return ids && { trace_id: ids.traceId, span_id: ids.spanId }
}

/** Parses a traceparent header (W3C Trace Context, version 00); undefined when it is not one. */
export function parseTraceparent(
  header: string,
): { traceId: string; spanId: string; traceFlags: number } | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header) ?? []
  if (!traceId || !spanId || !flags || traceId === NO_TRACE || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 }
}

/** Returns a header that is a traceparent unchanged, so that traces continue through a service whose own tracing is off. */
export function validTraceparent(header: unknown): string | undefined {
  return typeof header === 'string' && parseTraceparent(header) ? header : undefined
}

function formatTraceparent(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`
}
