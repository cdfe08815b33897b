// Goal: only class 22 is a message's fault, a connection that is gone is told from a bug of ours.
import pg from 'pg';
import t from 'tap';
import { faultOf, messageOf } from '../../../../src/log/contract/log-errors.js';
import { isTransient } from '../../../../src/log/postgres/session/transient.js';

function serverError(code: string, severity = 'ERROR'): pg.DatabaseError {
  const error = new pg.DatabaseError('it says\nmore', 10, 'error');
  error.code = code;
  error.severity = severity;
  return error;
}

t.test('SQLSTATE decides', async (t) => {
  t.equal(faultOf(serverError('22021')), 'message');
  t.equal(faultOf(serverError('23514')), 'partition');
  t.equal(faultOf(serverError('25006')), 'read_only');
  t.equal(faultOf(serverError('55P03')), 'locked');
  t.equal(faultOf(serverError('40P01')), 'transient');
  t.equal(faultOf(serverError('42P01')), 'schema');
  t.equal(faultOf(serverError('42501')), 'denied');
  t.equal(faultOf(serverError('42601')), 'other');
  t.equal(faultOf(serverError('23505')), 'other');
});

t.test('what ends the session is the connection, whatever its class', async (t) => {
  t.equal(faultOf(serverError('57P01', 'FATAL')), 'connection');
  t.equal(faultOf(serverError('22000', 'FATAL')), 'connection');
});

t.test('the driver and the socket have no SQLSTATE; EPIPE is none', async (t) => {
  t.equal(faultOf(new Error('Connection terminated unexpectedly')), 'connection');
  for (const code of ['EPIPE', 'ECONNRESET', 'ECONNREFUSED']) {
    t.equal(faultOf(Object.assign(new Error('write'), { code })), 'connection');
  }
});

t.test('anything else is a bug', async (t) => {
  t.equal(faultOf(new TypeError('x is undefined')), 'bug');
  t.equal(faultOf('text'), 'bug');
});

t.test('a start waits for what passes by itself, a lock too, and for nothing else', async (t) => {
  for (const code of ['08006', '53300', '57P03', '57014', '55P03', '40P01']) {
    t.ok(isTransient(serverError(code)), code);
    t.ok(isTransient(new Error('the log cannot be reached', { cause: serverError(code) })), code);
  }
  for (const code of ['28P01', '3D000', '42501', '55000', '55006']) {
    t.notOk(isTransient(serverError(code)), code);
  }
});

t.test('one line is told', async (t) => {
  t.equal(messageOf(serverError('22021')), 'it says');
  const several = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  t.equal(messageOf(several), 'cannot connect: ECONNREFUSED');
});
