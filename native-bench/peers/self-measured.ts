/** A contender that measures itself: its runs carry what they need to do so. */
import type { Contender, Place, Running, Sample, SelfMeasured } from '../contender.js';

/** `signal` ends a measurement early. */
export type Measure = (seconds: number, signal: AbortSignal) => Promise<Sample>;

export interface MeasuringParts extends Omit<Contender, 'start'> {
  start(place: Place): Promise<Running & { measure: Measure }>;
}

/** `stop()` of its runs waits for the measurement under way to end. */
export function selfMeasured(parts: MeasuringParts): SelfMeasured {
  const measures = new WeakMap<Running, (seconds: number) => Promise<Sample>>();
  return {
    ...parts,
    start: async (place) => {
      const { measure, ...started } = await parts.start(place);
      const end = new AbortController();
      let underWay: Promise<unknown> = Promise.resolve();
      const running: Running = {
        ...started,
        stop: async () => {
          end.abort();
          await underWay;
          await started.stop();
        },
      };
      measures.set(running, (seconds) => {
        const sample = measure(seconds, end.signal).catch((error: unknown) =>
          failedSample(error instanceof Error ? error.message : String(error)),
        );
        underWay = sample;
        return sample;
      });
      return running;
    },
    measure: async (running, seconds) => {
      const measure = measures.get(running);
      if (measure === undefined) throw new Error(`this is no run of ${parts.name}`);
      return measure(seconds);
    },
  };
}

/** Of a run that gave no figure. */
export function failedSample(problem: string): Sample {
  const none = { latencyUs: null, deliveryUs: null, cpuUs: {}, more: {} };
  return { perSecond: 0, ...none, problems: [problem] };
}
