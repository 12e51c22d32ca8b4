// Keys from words, names, envelopes and metadata, slots and links.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync } from '@scure/bip39';
import {
  addressOfKey, aeadOpen, ascii, bytes, cat, cbor, hex, hkdf, hpkeOpen, keccak, kemPublic, kemSeed,
  load, openEnvelope, recover, sha256, u16, u32, u64, u8, word,
} from './primitives.mjs';

test('everything of a person follows from 24 words', async () => {
  const v = load('keys');
  const seed = Buffer.from(mnemonicToSeedSync(v.words, ''));
  for (const s of v.subjects) {
    const root = HDKey.fromMasterSeed(seed).derive(`m/44'/60'/${s.index}'/0/0`).privateKey;
    assert.equal(hex(root), s.root_key);
    assert.equal(hex(addressOfKey(root)), s.root_address);
    const salt = hkdf('', seed, cat(ascii('carechain/v1/subject-salt'), u32(s.index)), 32);
    assert.equal(hex(salt), s.salt);
    const subject = keccak(Buffer.alloc(12), addressOfKey(root), salt);
    assert.equal(hex(subject), s.subject);
    const R = hkdf('', seed, cat(ascii('carechain/v1/encryption-root'), u32(s.index)), 32);
    assert.equal(hex(R), s.encryption_root);
    assert.equal(hex(await kemPublic(kemSeed(R, 0))), s.kem_public);
    assert.equal(hex(await kemPublic(kemSeed(R, 3))), s.kem_public_generation_3);
    const laneKey = (g) => hkdf('', R, cat(ascii('carechain/v1/lane-key'), u16(g), subject, u8(5), u16(258)), 32);
    assert.equal(hex(laneKey(0)), s.lane_key_5_epoch_258);
    assert.equal(hex(laneKey(3)), s.lane_key_5_epoch_258_generation_3);
    assert.equal(hex(hkdf('', R, ascii('carechain/v1/uid-key'), 32)), s.uid_key);
    assert.equal(hex(hkdf('', R, cat(ascii('carechain/v1/person-tag'), subject), 32)), s.person_tag);
    const draw = hkdf('', R, cat(ascii('carechain/v1/lanes'), subject), 128);
    const p = Array.from({ length: 16 }, (_, i) => i);
    for (let k = 15; k >= 1; k--) {
      const j = Number(draw.readBigUInt64BE(8 * (15 - k)) % BigInt(k + 1));
      [p[k], p[j]] = [p[j], p[k]];
    }
    assert.deepEqual(p, s.lanes);
  }
});

test('names and commitment', () => {
  const v = load('names');
  const [subject, author, key, cid] = [v.subject, v.author, v.record_key, v.cid].map(bytes);
  const text = (t) => cat(u32(ascii(t).length), ascii(t));
  const uid = createHmac('sha256', bytes(v.uid_key)).update(cat(subject, text(v.source), text(v.type), text(v.id))).digest();
  assert.equal(hex(uid), v.uid);
  assert.equal(sha256(ascii(v.content)).toString('hex'), v.content_id);
  const tag = keccak(ascii('carechain/tag/v1'), uid, subject);
  assert.equal(hex(tag), v.tag);
  const record = keccak(subject, author, tag);
  assert.equal(hex(record), v.record);
  const salt = hkdf('', key, cat(ascii('carechain/v1/commitment-salt'), subject), 32);
  const commitment = keccak(
    ascii('carechain/commitment/v1'), u64(v.chain_id), subject, record, u32(v.version), u8(v.lane), bytes(v.previous), cid, salt,
  );
  assert.equal(hex(commitment), v.commitment);
  const w = keccak(word(v.version), author, word(v.lane), commitment);
  assert.equal(hex(w), v.word);
  const once = keccak(Buffer.alloc(32), record, w);
  assert.equal(hex(once), v.rolling_1);
  assert.equal(hex(keccak(once, record, w)), v.rolling_2);
});

test('envelopes, metadata and the author\'s signature', () => {
  const v = load('envelopes');
  const segments = [];
  for (const c of v.cases) {
    const [key, uid, blob] = [c.key, c.uid, c.blob].map(bytes);
    const opened = openEnvelope(key, uid, c.version, blob);
    segments.push(opened.segments);
    assert.equal(hex(opened.meta), c.meta, c.name);
    assert.equal(hex(opened.content), c.content, c.name);
    assert.throws(() => openEnvelope(key, uid, c.version + 1, blob), /commitment/);
    const changed = Buffer.from(blob);
    changed[blob.length - 1] ^= 1;
    assert.throws(() => openEnvelope(key, uid, c.version, changed));
    if (opened.meta.length === 0) continue;
    const [statement, signature] = cbor(opened.meta);
    const map = cbor(statement);
    assert.equal(map.get(0), 1);
    assert.equal(hex(map.get(8)), v.author);
    assert.deepEqual(map.get(9), sha256(opened.content));
    const digest = keccak(ascii('carechain/author/v1'), uid, u32(c.version), bytes(v.person_tag), sha256(statement));
    assert.equal(hex(recover(digest, signature)), v.author_device);
    if (map.has(13)) {
      assert.deepEqual([...map.keys()], Array.from({ length: 14 }, (_, i) => i));
      assert.deepEqual([map.get(1), map.get(2), map.get(3)], ['application/fhir+json', 2, 'Observation']);
      assert.equal(map.get(13), 'Größe');
      assert.equal(map.get(11), 1772355600);
    } else {
      assert.deepEqual([...map.keys()], [0, 1, 2, 8, 9, 11]);
    }
  }
  assert.deepEqual(segments, [1, 1, 3, 2]);
});

test('key slot, inbox slot and back-link', async () => {
  const v = load('slots');
  const [R, subject, record, laneKey, newer] = [v.encryption_root, v.subject, v.record, v.lane_key, v.newer_lane_key].map(bytes);
  const under = (key, sealed, info) => {
    const okm = hkdf(sealed.subarray(0, 16), key, info, 44);
    return hex(aeadOpen(okm.subarray(0, 32), okm.subarray(32), sealed.subarray(16)));
  };
  const derived = hkdf('', R, cat(ascii('carechain/v1/lane-key'), u16(v.generation), subject, u8(v.lane), u16(v.epoch)), 32);
  assert.deepEqual(derived, laneKey);
  const slot = bytes(v.key_slot);
  assert.equal(slot.length, 64);
  const info = cat(ascii('carechain/slot/v1'), subject, record, u32(v.version), u8(v.lane), u16(v.epoch));
  assert.equal(under(laneKey, slot, info), v.record_key);
  const link = cat(ascii('carechain/back-link/v1'), subject, u8(v.lane), u16(v.epoch), u16(v.epoch + 1));
  assert.equal(under(newer, bytes(v.back_link), link), v.lane_key);
  const inbox = bytes(v.inbox_slot);
  assert.equal(inbox.length, 1168);
  const inboxInfo = cat(ascii('carechain/inbox/v1'), subject, u16(v.key_version), record, u32(v.version));
  assert.equal(hex(await hpkeOpen(kemSeed(R, v.generation), inboxInfo, inbox)), v.record_key);
});
