/** What one run of one contender measured; a run with problems has no headline figure. */
export interface Sample {
  /** Messages (or deliveries, as the scenario says) a second. */
  perSecond: number;
  /** Microseconds; null when the contender's tool does not tell. */
  latencyUs: Latency | null;
  /** Publish to receive; null where nothing is received. */
  deliveryUs: Latency | null;
  /** CPU microseconds a message, by process name: server, postgres, loadgen ... */
  cpuUs: Readonly<Record<string, number>>;
  /** Figures of this scenario alone, by name with unit, e.g. `bytes_per_session`. */
  more: Readonly<Record<string, number>>;
  problems: readonly string[];
}
export interface Latency {
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
  mean: number;
}

/** A server under test, started for one scenario. */
export interface Running {
  /** host:port for the load generator; null: the contender measures itself (pgbench, COPY). */
  target: string | null;
  /** host:port of a second node on the same log; without it there is one only. */
  second?: string;
  /** URL of the database that its messages are in, where they are in one of PostgreSQL's. */
  database?: string;
  /** The same contender once more, in a place of its own: for work that compares the two. */
  control?: Running;
  /** name -> pid, for CPU and memory: {server: 1, postgres: 2}. */
  processes: Readonly<Record<string, number>>;
  /** One line when a process of it has ended, which a load need not notice; null while all run. */
  ended?(): string | null;
  stop(): Promise<void>;
}

/** One line of a scenario's table. */
export interface Contender {
  /** `conduit`, `bare-uws`, `redis-streams` ... */
  name: string;
  /** What it writes to the disk, and when, before it answers: printed beside its figure. */
  syncs: string;
  /** Null when it can run here; otherwise one line: what is missing and how to get it. */
  missing(): Promise<string | null>;
  version(): Promise<string>;
  start(place: Place): Promise<Running>;
}
export interface Place {
  /** An empty folder of this run, that any user can enter. */
  folder: string;
  /** URL of the run's own PostgreSQL, when it has one. */
  postgresUrl: string | null;
  postgresPid: number | null;
}

/** A contender with a tool of its own in place of the load generator. */
export interface SelfMeasured extends Contender {
  measure(running: Running, seconds: number): Promise<Sample>;
}
