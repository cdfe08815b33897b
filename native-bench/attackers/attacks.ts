/**
 * What one client can do to a node, a round at a time: each round is as much as one attacker sends in one
 * go. They ask nothing of the node but that it stays: an answer that refuses them is as good as any.
 */
import type { Attacker } from './attacker.js';
import { post, request, sendRaw } from './attacker-http.js';
import { publishTenTimes } from './noisy-tenant.js';

export type AttackName = keyof typeof ATTACKS;

const TOPIC = 'attacked';
/** A year. */
const FAR_MS = 31_536_000_000;
const LARGE = 'x'.repeat(250_000);

/** Frames of one message. */
const ACKS = frames(15_000, () => ({ type: 'ack', topic: TOPIC, sequence: 999_999_999 }));
const PUBLISHES = frames(15_000, () => ({ type: 'publish', topic: 'nowhere', payload: 1, ref: 1 }));
const SUBSCRIBES = frames(20_000, () => ({ type: 'subscribe', topic: TOPIC }));
const REFUSED = frames(15_000, () => ({ type: 'publish', topic: TOPIC, payload: 1, key: '' }));

export const ATTACKS = {
  /** 600,000 acks of unknown deliveries; the answers are not read. */
  'unread answers to acks': async (attacker) => {
    const session = await attacker.session();
    session.pause();
    await session.send(40, () => ACKS);
    await session.gone();
  },
  'unread answers to publishes': async (attacker) => {
    const session = await attacker.session();
    session.pause();
    await session.send(40, () => PUBLISHES);
    await session.gone();
  },
  /** 500,000 subscribes of one topic. */
  subscribes: async (attacker) => {
    const session = await attacker.session();
    await session.send(25, () => SUBSCRIBES);
    await session.gone();
  },
  'refused frames': async (attacker) => {
    const session = await attacker.session();
    await session.send(20, () => REFUSED);
    await session.gone();
  },
  /** 200 deferred messages of 250 KB, each cancelled. */
  'deferred and cancelled': async ({ target }) => {
    for (let i = 0; i < 200; i++) {
      const body = { topic: TOPIC, delay_ms: FAR_MS, payload: LARGE };
      const { deferred_id: id } = await post(target, '/api/publish', body);
      if (id !== undefined) await request(target, 'DELETE', `/api/deferred/${id}`);
    }
  },
  /** 500 new durable names, then the trace of a message that all of them have. */
  'durable names': async (attacker) => {
    const session = await attacker.session();
    const { round } = attacker;
    await session.send(20, (message) =>
      frames(50, (i) => ({
        type: i % 2 === 0 ? 'subscribe' : 'unsubscribe',
        topic: TOPIC,
        subscription: `${round}-${message}-${i - (i % 2)}`,
      })),
    );
    const published = await post(attacker.target, '/api/publish', { topic: TOPIC, payload: 1 });
    const trace = `/api/messages/${published['message_id'] ?? ''}`;
    await Promise.all(Array.from({ length: 8 }, () => request(attacker.target, 'GET', trace)));
    await session.gone();
  },
  /** Requests that are no HTTP, or two readings of one. */
  'malformed requests': async ({ target }) => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => sendRaw(target, malformed(i))));
  },
  /** 10,000 publishes to as many topics that are not there. */
  'unknown topics': async (attacker) => {
    const session = await attacker.session();
    const { round } = attacker;
    await session.send(1, () =>
      frames(10_000, (i) => ({ type: 'publish', topic: `u${round}_${i}`, payload: 1 })),
    );
    await session.gone();
  },
  /** Ten times a quota of 1,000 messages a second, on a node that asks for keys. */
  'a noisy tenant': publishTenTimes,
} as const satisfies Record<string, (attacker: Attacker) => Promise<void>>;

/** JSON frames joined into one message. */
function frames(count: number, frame: (index: number) => object): string {
  return Array.from({ length: count }, (_, i) => JSON.stringify(frame(i))).join('\u001e');
}

function malformed(i: number): string {
  const body = `{"topic":"${TOPIC}","payload":1}`;
  const head = 'POST /api/publish HTTP/1.1\r\nHost: x\r\n';
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const kinds = [
    `${head}Content-Length: ${body.length}\r\nContent-Length: 5\r\n\r\n${body}`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n${chunk}`,
    `${head}Transfer-Encoding: gzip\r\n\r\n${chunk}`,
    `${head}${Array.from({ length: 98 }, (_, n) => `X-${n}: 1\r\n`).join('')}\r\n`,
    `${head}: v\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${'10000\r\n'}${'x'.repeat(65_536)}\r\n`,
  ];
  return kinds[i % kinds.length] ?? '';
}
