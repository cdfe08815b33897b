// Goal: the in-memory log keeps the contract of the message log.
import t from 'tap';
import { openMemoryLog } from '../support/log/memory-log.js';
import { suite } from './message-log.js';

suite(t, openMemoryLog);
