/**
 * What the main thread asks other nodes: POST /internal/forward with a question, answered by JSON. Each
 * question waits for its answer for a bounded time, and is not asked again here. No redirect is followed.
 */
import http from 'node:http';
import https from 'node:https';
import type { Peer } from '../core/peer.js';
import type { PemFiles } from '../thread/control.js';
import { FORWARD_PATH, type ForwardSender, packQuestion, SECRET_HEADER } from './forward-body.js';

/** A page of sessions, or of what has changed. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** To one node. */
const SOCKETS_MAX = 4;

/** It has not answered, or says nothing of use: in words for whoever asked. */
export class Unanswered extends Error {}

export interface NodeQuestionsOptions {
  sender: ForwardSender;
  secret: string;
  tls: PemFiles | null;
}

export class NodeQuestions {
  readonly #options: NodeQuestionsOptions;
  readonly #http = new http.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  readonly #https: https.Agent;

  constructor(options: NodeQuestionsOptions) {
    this.#options = options;
    const kept = { keepAlive: true, maxSockets: SOCKETS_MAX };
    this.#https = new https.Agent({ ...kept, ...options.tls });
  }

  /** What it answers, as JSON has it. Rejects Unanswered, after `answerMs` at the latest. */
  async ask(peer: Peer, question: unknown, answerMs: number): Promise<unknown> {
    const { forwardUrl } = peer;
    if (forwardUrl === null) throw new Unanswered('it takes no questions of other nodes');
    const body = packQuestion({ ...this.#options.sender, question });
    const text = await this.#post(new URL(FORWARD_PATH, forwardUrl), body, answerMs);
    try {
      return JSON.parse(text);
    } catch {
      throw new Unanswered('its answer cannot be read');
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #post(url: URL, body: Buffer, answerMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        request.destroy();
        reject(new Unanswered(why));
      };
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': body.length,
        [SECRET_HEADER]: this.#options.secret,
      };
      const isTls = url.protocol === 'https:';
      const request = isTls
        ? https.request(url, { method: 'POST', agent: this.#https, headers })
        : http.request(url, { method: 'POST', agent: this.#http, headers });
      const timer = setTimeout(() => fail(`no answer for ${answerMs} ms`), answerMs);
      request.once('error', (error: NodeJS.ErrnoException) => {
        fail(`it cannot be reached (${error.code ?? 'the connection broke'})`);
      });
      request.once('response', (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > ANSWER_BYTES_MAX) fail('its answer is too long');
          else parts.push(part);
        });
        response.once('close', () => fail('its answer broke off'));
        response.once('end', () => {
          clearTimeout(timer);
          const { statusCode } = response;
          if (statusCode === 200) resolve(Buffer.concat(parts).toString('utf8'));
          else fail(`it answered ${statusCode}`);
        });
      });
      request.end(body);
    });
  }
}
