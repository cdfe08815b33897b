/**
 * Centrifugo is not compared yet. Its HTTP API wants `{"channel", "data"}`, and its subscribers speak a
 * protocol of their own; the load generator writes and reads neither.
 */
import type { Contender } from '../contender.js';
import { missingProgram, needProgram, programVersion } from './installed-program.js';

const PROGRAM = 'centrifugo';
const NOT_SPOKEN = 'centrifugo is not compared: the load generator does not speak its protocol';

export const centrifugo: Contender = {
  name: PROGRAM,
  syncs: 'nothing is written (memory engine, documented)',
  missing: async () =>
    missingProgram(PROGRAM, 'and the load generator does not speak its protocol') ?? NOT_SPOKEN,
  version: () => programVersion(needProgram(PROGRAM), ['version'], /v?(\d+\.\d+\.\d+)/),
  start: () => Promise.reject(new Error(NOT_SPOKEN)),
};
