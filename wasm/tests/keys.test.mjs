// The client core as WebAssembly, on the vectors of crates/crypto and a proof of crates/client.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const core = require('../../target/wasm/nodejs/keys.js');
const root = new URL('../../', import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const vector = (name) => read(`crates/crypto/vectors/${name}.json`);
const bytes = (hex) => Buffer.from(hex.replace(/^0x/, ''), 'hex');
const utf8 = (text) => new TextEncoder().encode(text);
const parsed = (text) => JSON.parse(text);
const thrown = (call) => {
  try {
    call();
  } catch (error) {
    return String(error.message ?? error);
  }
  return assert.fail('an error was expected');
};

test('words give the subjects of the vectors', () => {
  const { words, subjects } = vector('keys');
  for (const known of subjects) {
    const found = parsed(core.identityOfWords(words, known.index));
    assert.equal(found.root.toLowerCase(), known.root_address.toLowerCase());
    assert.equal(found.subject, known.subject);
    assert.equal(found.salt, known.salt);
  }
  const wrong = thrown(() => core.identityOfWords('abandon zebra', 0));
  assert.match(wrong, /2 words were given/);
});

test('new words are 24 and differ', () => {
  const [first, second] = [core.newWords(), core.newWords()];
  assert.equal(first.split(' ').length, 24);
  assert.notEqual(first, second);
  assert.match(parsed(core.identityOfWords(first, 0)).subject, /^0x[0-9a-f]{64}$/);
});

test('a keyset file opens with its password alone', () => {
  const { after_registration: file, password } = vector('keysets');
  const text = utf8(JSON.stringify(file));
  assert.equal(core.openKeyset(text, password), file.subject);
  assert.match(thrown(() => core.openKeyset(text, 'another')), /password is wrong/);
  const moved = { ...file, chain: { ...file.chain, id: file.chain.id + 1 } };
  assert.match(
    thrown(() => core.openKeyset(utf8(JSON.stringify(moved)), password)),
    /does not authenticate/,
  );
});

test('envelopes open to their bytes, and not after a change', () => {
  for (const known of vector('envelopes').cases) {
    const blob = bytes(known.blob);
    const open = (data, version = known.version) =>
      core.openEnvelope(known.key, known.uid, version, data);
    const opened = parsed(open(blob));
    assert.deepEqual(bytes(opened.content), bytes(known.content), known.name);
    assert.deepEqual(bytes(opened.meta), bytes(known.meta), known.name);
    if (known.name === 'a resource with every field') {
      assert.equal(opened.statement.media_type, 'application/fhir+json');
    }
    for (const at of [0, 5, 8, 40, 72, blob.length - 1]) {
      const changed = Uint8Array.from(blob);
      changed[at] ^= 1;
      thrown(() => open(changed));
    }
    assert.match(thrown(() => open(blob, known.version + 1)), /commitment/);
  }
});

test('a proof leads to the signed head, and a changed one does not', () => {
  const { pins, request, answer, now, subject_slot: slot } = read('crates/client/fixtures/proof.json');
  const verify = (changed = answer, at = now, whose = pins) =>
    core.verifyProof(JSON.stringify(whose), JSON.stringify(request), JSON.stringify(changed), at);
  const proven = parsed(verify());
  assert.equal(proven.number, '7');
  const [, , value] = proven.values.find(([, found]) => found === slot);
  assert.equal(BigInt(value) & 0xffn, 1n, 'a patient');

  const other = structuredClone(answer);
  other.accounts[0].slots[0].value = '0x2';
  assert.match(thrown(() => verify(other)), /does not fit the signed head/);
  const cut = structuredClone(answer);
  cut.accounts[0].proof.pop();
  assert.match(thrown(() => verify(cut)), /does not fit the signed head/);
  assert.match(thrown(() => verify(answer, now + 10_000)), /away from this device's clock/);
  const strange = { ...pins, node_key: `0x${'12'.repeat(20)}` };
  assert.match(thrown(() => verify(answer, now, strange)), /not signed by the node's key/);
});

test('resources are classified, shown and checked', () => {
  const pulse = {
    resourceType: 'Observation',
    status: 'final',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
    code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }] },
    effectiveDateTime: '2026-03-04',
    valueQuantity: { value: 62, unit: '/min' },
  };
  const described = parsed(core.describeResource(utf8(JSON.stringify(pulse))));
  assert.equal(described.category, 'vitals');
  assert.equal(described.date, '2026-03-04');
  assert.match(described.view.title, /Heart rate/);
  const faults = parsed(core.checkDocument(utf8(JSON.stringify({ ...pulse, status: 'odd' }))));
  assert.equal(faults[0].path, 'Observation.status');
  assert.match(thrown(() => core.describeResource(utf8('{'))), /not JSON at line 1/);
});

test('categories keep their order', () => {
  const names = parsed(core.categories());
  assert.equal(names.length, 16);
  assert.equal(names[2], 'vitals');
});

test('frames and events come out whatever the pieces', () => {
  const stream = Buffer.concat([
    Buffer.from([2, 0, 0, 0, 2]),
    Buffer.from('{}'),
    Buffer.from([5, 0, 0, 0, 0]),
  ]);
  const reader = new core.Frames();
  const frames = [...stream].flatMap((byte) => parsed(reader.push(Uint8Array.of(byte))));
  assert.deepEqual(frames, [[2, '7b7d'], [5, '']]);
  assert.ok(reader.isDrained());
  assert.match(thrown(() => reader.push(Uint8Array.of(9, 0, 0, 0, 0))), /unknown kind of frame 9/);

  const events = new core.Events();
  const seen = [...utf8('id: 7\ndata: a\ndata: b\n\n')].flatMap((byte) =>
    parsed(events.push(Uint8Array.of(byte))),
  );
  assert.deepEqual(seen, [{ id: '7', event: '', data: 'a\nb' }]);
});
