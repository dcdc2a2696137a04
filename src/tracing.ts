import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, type TextMapGetter } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { RequestTracer } from './deps.ts';

/**
 * Sends a span per request to an OpenTelemetry collector. Nothing is instrumented by itself: what is not written down
 * here is in no span, so neither are addresses, queries, bodies, statements or who asked.
 *
 * @param endpoint of the collector, without `/v1/traces`.
 */
export function startTracing(endpoint: string): RequestTracer & { close(): Promise<void> } {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'bauta' }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('bauta');
  return {
    follow(traceparent) {
      const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, contextOf(traceparent));
      return ({ method, route, status }) => {
        span.updateName(`${method} ${route}`);
        span.setAttributes({
          'http.request.method': method,
          'http.route': route,
          'http.response.status_code': status,
        });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      };
    },
    // What the collector does not take is lost, as it is when it is away.
    close: () => provider.shutdown().catch(() => {}),
  };
}

const propagator = new W3CTraceContextPropagator();
// Never `tracestate`: whoever calls may write anything into it, and it would be sent on with the span.
const getter: TextMapGetter<string> = {
  keys: () => ['traceparent'],
  get: (value, name) => (name === 'traceparent' ? value : undefined),
};

/** The caller's trace, or none where the header is not there or has no form. */
function contextOf(traceparent: string | undefined): Context {
  if (traceparent === undefined) return ROOT_CONTEXT;
  return propagator.extract(ROOT_CONTEXT, traceparent, getter);
}
