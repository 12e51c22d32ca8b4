// Wraps, mail, applications, public documents, releases, receipts, heads, keysets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argon2id } from '@noble/hashes/argon2.js';
import {
  addressOfKey, aeadOpen, ascii, bytes, cat, cbor, hex, hkdf, hpkeOpen, keccak, kemPublic, kemSeed,
  load, openEnvelope, recover, sha256, u16, u32, u64, u8, word,
} from './primitives.mjs';

test('grant wraps and their signatures', async () => {
  const v = load('wraps');
  const [subject, R] = [v.subject, v.patient_encryption_root].map(bytes);
  for (const c of v.cases) {
    const epochs = bytes(v.epochs);
    for (let lane = 0; lane < 16; lane++) {
      if (!(c.read_lanes & (1 << lane))) epochs.fill(0, 30 - 2 * lane, 32 - 2 * lane);
    }
    const info = cat(
      ascii('carechain/wrap/v1'), u64(v.chain_id), subject, bytes(v.grantee), u16(v.grantee_key_version), bytes(v.grant),
      u16(c.read_lanes), u16(c.write_lanes), epochs,
    );
    const sealed = bytes(c.sealed);
    const digest = keccak(ascii('carechain/wrap-signature/v1'), sha256(info), u64(v.signed_at), sha256(sealed));
    assert.equal(hex(recover(digest, bytes(c.signature))), v.device);
    const [version, read, write, tag, name] = cbor(await hpkeOpen(kemSeed(bytes(v.grantee_encryption_root), 0), info, sealed));
    assert.equal(version, 1);
    assert.deepEqual(read.map(([lane, category, key]) => [lane, category, hex(key)]), c.read);
    assert.deepEqual(write, c.write);
    assert.equal(hex(tag), hex(hkdf('', R, cat(ascii('carechain/v1/person-tag'), subject), 32)));
    assert.equal(name, c.name);
    for (const [lane, , key] of read) {
      const epoch = epochs.subarray(30 - 2 * lane, 32 - 2 * lane);
      assert.equal(epoch.readUInt16BE(), 300 + lane);
      const expected = hkdf('', R, cat(ascii('carechain/v1/lane-key'), u16(0), subject, u8(lane), epoch), 32);
      assert.deepEqual(key, expected);
    }
  }
});

test('mail, application, key bundle, profile', async () => {
  const v = load('mail');
  const secret = kemSeed(bytes(v.encryption_root), v.generation);
  const info = cat(ascii('carechain/mail/v1'), bytes(v.recipient), u16(v.recipient_key_version), bytes(v.sender), bytes(v.topic));
  assert.equal((await hpkeOpen(secret, info, bytes(v.sealed))).toString(), v.plaintext);
  assert.equal(hex(keccak(bytes(v.sealed))), v.sealed_hash);

  const a = v.application;
  const hash = keccak(ascii('carechain/credential/v1'), bytes(a.package));
  assert.equal(hex(hash), a.credential_hash);
  const keyInfo = cat(ascii('carechain/application-key/v1'), bytes(a.applicant), bytes(a.administrator), u16(a.key_version), hash);
  const key = await hpkeOpen(secret, keyInfo, bytes(a.sealed_key));
  assert.equal(hex(key), a.key);
  const uid = sha256(ascii('carechain/application/v1'), bytes(a.applicant));
  assert.equal(hex(uid), a.uid);
  const opened = openEnvelope(key, uid, 1, bytes(a.blob));
  assert.equal(opened.meta.length, 0);
  assert.equal(hex(opened.content), a.package);
  const [version, blind, documents] = cbor(opened.content);
  assert.deepEqual([version, blind.length], [1, 32]);
  assert.deepEqual(documents, [['licence.pdf', 'application/pdf', Buffer.from('%PDF')]]);

  assert.equal(hex(keccak(bytes(v.key_bundle.bytes))), v.key_bundle.hash);
  const bundle = cbor(bytes(v.key_bundle.bytes));
  assert.deepEqual(bundle, [1, v.generation, await kemPublic(secret)]);
  assert.equal(hex(keccak(ascii(v.profile.text))), v.profile.hash);
});

test('releases, Merkle roots, receipts, signed heads', () => {
  const v = load('releases');
  const leaves = v.records.map(([record, version]) => sha256(u8(0), bytes(record), u32(version)));
  const root = (level) => {
    if (level.length === 1) return level[0];
    const up = [];
    for (let i = 0; i < level.length; i += 2) {
      up.push(i + 1 < level.length ? sha256(u8(1), level[i], level[i + 1]) : level[i]);
    }
    return root(up);
  };
  v.roots.forEach((expected, n) => {
    assert.equal(n === 0 ? hex(Buffer.alloc(32)) : hex(root(leaves.slice(0, n))), expected);
  });

  const r = v.release;
  assert.equal(r.root, v.roots.at(-1));
  const domain = keccak(
    keccak(ascii('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')),
    keccak(ascii('Carechain Release')), keccak(ascii('1')), word(v.chain_id), Buffer.alloc(12), bytes(v.contract),
  );
  const type = 'Release(string origin,bytes32 subject,bytes32 reader,uint16 lanes,bytes32 root,uint32 count,uint16 purpose,bytes32 nonce,uint64 expiry)';
  const struct = keccak(
    keccak(ascii(type)), keccak(ascii(r.origin)), bytes(r.subject), bytes(r.reader), word(r.lanes), bytes(r.root),
    word(r.count), word(r.purpose), bytes(r.nonce), word(r.expiry),
  );
  const digest = keccak(Buffer.from([0x19, 0x01]), domain, struct);
  assert.equal(hex(digest), v.digest);
  const signature = bytes(v.signature);
  assert.equal(hex(recover(digest, signature)), v.device);
  assert.equal(hex(addressOfKey(bytes(v.device_key))), v.device);

  const receipt = (previous) => sha256(ascii('carechain/receipt/v1'), previous, digest, signature, u64(v.receipt.at));
  const first = receipt(Buffer.alloc(32));
  assert.equal(hex(first), v.receipt.hash_1);
  assert.equal(hex(receipt(first)), v.receipt.hash_2);

  const h = v.head;
  const head = keccak(ascii('carechain/head/v1'), u64(v.chain_id), bytes(h.genesis), u64(h.number), bytes(h.block_hash), u64(h.time));
  assert.equal(hex(head), h.digest);
  assert.equal(hex(recover(head, bytes(h.signature))), v.device);
});

test('keyset files', () => {
  const v = load('keysets');
  const from64 = (text) => Buffer.from(text, 'base64');
  const open = (file, password) => {
    const subject = bytes(file.subject);
    const [unlocker] = file.unlockers;
    assert.equal(unlocker.kind, 'password');
    const kek = Buffer.from(argon2id(ascii(password.normalize('NFC')), from64(unlocker.salt), {
      m: unlocker.memory_kib, t: unlocker.passes, p: unlocker.lanes, dkLen: 32, version: 0x13,
    }));
    const sealedKey = from64(unlocker.sealed);
    const master = aeadOpen(kek, sealedKey.subarray(0, 12), sealedKey.subarray(12), cat(ascii('carechain/unlocker/v1'), subject, ascii('password')));
    const { chain } = file;
    const { registry, directory, consent, records } = chain.contracts;
    const aad = cat(
      ascii('carechain/keyset/v1'), u64(chain.id), ...[chain.genesis, chain.node_key, registry, directory, consent, records].map(bytes),
      subject, u8(['patient', 'doctor', 'pharmacy', 'organisation', 'administrator'].indexOf(file.kind) + 1), u32(file.index), bytes(file.address),
    );
    const body = from64(file.sealed);
    return cbor(aeadOpen(hkdf('', master, ascii('carechain/v1/keyset-body'), 32), body.subarray(0, 12), body.subarray(12), aad));
  };
  const [R, device, root] = [v.encryption_root, v.device_key, v.root_key].map(bytes);
  assert.equal(v.before_registration.format, 'carechain-keyset');
  assert.deepEqual(open(v.before_registration, v.password), [1, v.generation, R, R, device, root]);
  assert.deepEqual(open(v.after_registration, v.password), [1, v.generation, R, R, device]);
  assert.equal(hex(addressOfKey(device)), v.after_registration.address);
  assert.throws(() => open(v.after_registration, 'other'));
});
