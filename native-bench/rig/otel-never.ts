/**
 * Loaded into a node by NODE_OPTIONS=--import: an OpenTelemetry SDK that wants no trace recorded. Nothing
 * leaves the process; the node asks it for each trace that it could begin.
 */
import { trace } from '@opentelemetry/api';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';

trace.setGlobalTracerProvider(new BasicTracerProvider({ sampler: new AlwaysOffSampler() }));
