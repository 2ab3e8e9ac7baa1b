// The OpenTelemetry SDK behind tracing.ts, which loads it only when there is an endpoint.
import { context, type Tracer, type TracerProvider as TracerSource } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { GraphQLInstrumentation } from '@opentelemetry/instrumentation-graphql'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

type SpanStarter = Pick<Tracer, 'startSpan'>
type Pipeline = { readonly processor: SpanProcessor; readonly close: () => Promise<void>; users: number }

const pipelines = new Map<string, Pipeline>()
let instrumented = false

/** Opens a tracer whose spans carry `service.name`. Services of one process share an exporter per endpoint. */
export function openTracer(options: {
  readonly service: string
  readonly endpoint: string
  /** The tracer that instrumented libraries use. */
  readonly contextual: SpanStarter
}): { readonly tracer: Tracer; readonly close: () => Promise<void> } {
  if (!instrumented) instrument(options.contextual)
  instrumented = true
  const pipeline = pipelines.get(options.endpoint) ?? openPipeline(options.endpoint)
  pipeline.users++
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service, 'service.namespace': 'waybill' }),
    spanProcessors: [pipeline.processor],
  })
  return { tracer: provider.getTracer('waybill'), close: () => leave(options.endpoint, pipeline) }
}

function openPipeline(endpoint: string): Pipeline {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, keepAlive: true })
  const processor = new BatchSpanProcessor({ exporter, maxQueueSize: 8192, scheduledDelayMillis: 2000 })
  const pipeline: Pipeline = { processor, users: 0, close: () => processor.shutdown() }
  pipelines.set(endpoint, pipeline)
  return pipeline
}

async function leave(endpoint: string, pipeline: Pipeline): Promise<void> {
  if (--pipeline.users > 0) return pipeline.processor.forceFlush()
  pipelines.delete(endpoint)
  await pipeline.close()
}

/** Sets the context manager, and instruments parse, validate and execute of graphql. Once in a process. */
function instrument(contextual: SpanStarter): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const graphql = new GraphQLInstrumentation({ ignoreResolveSpans: true })
  graphql.setTracerProvider(sourceOf(contextual))
}

function sourceOf(contextual: SpanStarter): TracerSource {
  const tracer: Tracer = {
    startSpan: contextual.startSpan,
    startActiveSpan() {
      throw new TypeError('instrumentations here use startSpan')
    },
  }
  return { getTracer: () => tracer }
}
