// Goal: what is written otherwise is the same message, what has another value never is.
import { Packr } from 'msgpackr';
import t from 'tap';
import { isSameMessage } from '../../../../src/log/contract/same-message.js';

const packr = new Packr({ useRecords: false });

interface Written {
  payload: Uint8Array;
  contentType: 0 | 1;
  key: string | null;
  headers: string | null;
}

const json = (text: string, more: Partial<Written> = {}): Written => ({
  ...{ payload: Buffer.from(text), contentType: 0, key: null, headers: null },
  ...more,
});
const msgpack = (value: unknown): Written =>
  json('', { payload: packr.pack(value), contentType: 1 });

const SAME: [string, string][] = [
  ['{"a":1,"b":[1,2]}', ' {\n"b" : [1, 2],\t"a":1 }'],
  ['{"a":{"x":1,"y":2}}', '{"a":{"y":2,"x":1}}'],
  ['"\\u00e9\\/"', '"é/"'],
  ['[1, 10, 0.5, 100]', '[1.0,1e1,5E-1,1.00e+2]'],
  ['0', '-0.00e5'],
  ['1e400000', '10e399999'],
  ['123456789012345678901234567890', '1.23456789012345678901234567890e29'],
  ['"\\ud800"', '"\\uD800"'],
  ['[]', '[ ]'],
  ['{}', '{ }'],
  ['"[1, 2]"', ' "[1, 2]" '],
];
const OTHER: [string, string][] = [
  ['[1,2]', '[2,1]'],
  ['9007199254740993', '9007199254740992'],
  ['1e400000', '1e400001'],
  ['1', '-1'],
  ['1', '"1"'],
  ['10', '1'],
  ['"a b"', '"a  b"'],
  ['{"a":1}', '{"a":1,"b":null}'],
  ['{"a":1,"a":2}', '{"a":2}'],
  ['{"a":[1],"b":2}', '{"a":[1,{"b":2}]}'],
  ['[[1],2]', '[[1,2]]'],
  ['null', 'false'],
  ['""', '{}'],
];

for (const [one, other] of SAME) {
  t.ok(isSameMessage(json(one), json(other)) && isSameMessage(json(other), json(one)), one);
}
for (const [one, other] of OTHER) {
  t.notOk(isSameMessage(json(one), json(other)) || isSameMessage(json(other), json(one)), one);
}
t.ok(isSameMessage(json('{"n":1,"s":"é"}'), msgpack({ s: 'é', n: 1 })), 'in the other format');
t.notOk(isSameMessage(json('{"n":1}'), msgpack({ n: 2 })));
t.ok(isSameMessage(msgpack({ a: 1, b: 2 }), msgpack({ b: 2, a: 1 })));
t.notOk(isSameMessage(json('1'), json('1', { key: 'k' })), 'a key');
t.notOk(isSameMessage(json('1'), json('1', { headers: '{}' })), 'headers');
const headers = ['{"a":"1","b":"2"}', '{ "b":"2", "a":"\\u0031" }', '{"a":"1","b":"3"}'];
const [first = '', second = '', third = ''] = headers;
t.ok(isSameMessage(json('1', { headers: first }), json('1', { headers: second })));
t.notOk(isSameMessage(json('1', { headers: first }), json('1', { headers: third })));
const deep = `${'['.repeat(256)}1${']'.repeat(256)}`;
t.ok(isSameMessage(json(deep), json(` ${deep}`)), 'as deep as it may be');
const large = `"${'x'.repeat(20_000)}"`;
t.ok(isSameMessage(json(large), json(large)));
t.notOk(isSameMessage(json(large), json(` ${large}`)), 'a large one byte for byte');
