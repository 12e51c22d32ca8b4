// What the readers share: hex, HKDF, keccak, AEAD, HPKE and a strict CBOR reader. Nothing here
// comes from the Rust crate; Node's OpenSSL does the ciphers, noble the hashes and the curve.
import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CipherSuite, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { Chacha20Poly1305 } from '@hpke/chacha20poly1305';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

export const load = (name) => JSON.parse(readFileSync(new URL(`../${name}.json`, import.meta.url), 'utf8'));
export const bytes = (hex) => Buffer.from(hex.slice(2), 'hex');
export const hex = (b) => `0x${Buffer.from(b).toString('hex')}`;
export const ascii = (text) => Buffer.from(text, 'utf8');
export const cat = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)));
export const keccak = (...parts) => Buffer.from(keccak_256(cat(...parts)));
export const sha256 = (...parts) => Buffer.from(nobleSha256(cat(...parts)));

const number = (n, size) => {
  const out = Buffer.alloc(size);
  for (let i = size - 1, rest = BigInt(n); i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
};
export const u8 = (n) => number(n, 1);
export const u16 = (n) => number(n, 2);
export const u32 = (n) => number(n, 4);
export const u64 = (n) => number(n, 8);
export const word = (n) => number(n, 32);

/** HKDF-SHA-256; an empty salt is 32 zero bytes. */
export const hkdf = (salt, key, info, length) =>
  Buffer.from(nobleHkdf(nobleSha256, key, salt.length === 0 ? Buffer.alloc(32) : salt, info, length));

export function aeadOpen(key, nonce, sealed, aad) {
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAuthTag(sealed.subarray(-16));
  if (aad) cipher.setAAD(aad, { plaintextLength: sealed.length - 16 });
  return cat(cipher.update(sealed.subarray(0, -16)), cipher.final());
}

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });

/** The X-Wing private seed of an encryption root. */
export const kemSeed = (root, generation) => hkdf('', root, cat(ascii('carechain/v1/x-wing'), u16(generation)), 32);

export async function kemPublic(seed) {
  const kem = new XWing();
  const pair = await kem.generateKeyPairDerand(new Uint8Array(seed));
  return Buffer.from(await kem.serializePublicKey(pair.publicKey));
}

export async function hpkeOpen(seed, info, sealed) {
  const recipientKey = await suite.kem.deserializePrivateKey(toArrayBuffer(seed));
  const context = await suite.createRecipientContext({ recipientKey, enc: toArrayBuffer(sealed.subarray(0, 1120)), info: toArrayBuffer(info) });
  return Buffer.from(await context.open(toArrayBuffer(sealed.subarray(1120)), new Uint8Array(0)));
}

const toArrayBuffer = (b) => new Uint8Array(b).buffer;

export const addressOf = (publicKey) => keccak(publicKey.slice(1)).subarray(12);
export const addressOfKey = (secret) => addressOf(secp256k1.getPublicKey(secret, false));

/** The address that made r ‖ s ‖ v over a digest; low s and v 27 or 28 demanded. */
export function recover(digest, signature) {
  if (signature.length !== 65 || (signature[64] !== 27 && signature[64] !== 28)) throw new Error('v');
  const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact');
  if (parsed.hasHighS()) throw new Error('high s');
  return addressOf(parsed.addRecoveryBit(signature[64] - 27).recoverPublicKey(digest).toBytes(false));
}

/** Deterministic CBOR of numbers, byte strings, texts, arrays, maps with number keys, and null. */
export function cbor(input) {
  let at = 0;
  const take = (n) => {
    if (at + n > input.length) throw new Error('cbor: cut');
    return input.subarray(at, (at += n));
  };
  const value = () => {
    const first = take(1)[0];
    const [major, low] = [first >> 5, first & 31];
    if (first === 0xf6) return null;
    let n = BigInt(low);
    if (low >= 24) {
      if (low > 27) throw new Error('cbor: indefinite or reserved');
      const size = 1 << (low - 24);
      n = BigInt(hex(take(size)));
      const least = low === 24 ? 24n : 1n << BigInt(4 * size);
      if (n < least) throw new Error('cbor: not the shortest form');
    }
    const length = Number(n);
    if (major === 0) return length;
    if (major === 2) return Buffer.from(take(length));
    if (major === 3) return new TextDecoder('utf-8', { fatal: true }).decode(take(length));
    if (major === 4) return Array.from({ length }, value);
    if (major === 5) {
      const map = new Map();
      for (let i = 0, last = -1; i < length; i++) {
        const key = value();
        if (!(key > last)) throw new Error('cbor: keys do not rise');
        map.set((last = key), value());
      }
      return map;
    }
    throw new Error(`cbor: major type ${major}`);
  };
  const result = value();
  if (at !== input.length) throw new Error('cbor: trailing bytes');
  return result;
}

/** The length that padme gives. */
export function padme(length) {
  const e = Math.floor(Math.log2(length));
  const mask = 2 ** (e - (Math.floor(Math.log2(e)) + 1));
  return Math.ceil(length / mask) * mask;
}

/** Opens an envelope; throws at anything that docs/records.md says a reader refuses. */
export function openEnvelope(key, uid, version, blob) {
  const header = blob.subarray(0, 72);
  if (header.subarray(0, 4).toString('latin1') !== 'CCR1' || header[4] !== 1) throw new Error('magic or suite');
  if (header[5] < 12 || header[5] > 24 || header.readUInt16BE(6) !== 0) throw new Error('header');
  const context = sha256(ascii('carechain/record/v1'), uid, u32(version));
  const okm = hkdf(header.subarray(8, 40), key, cat(ascii('carechain/envelope/v1'), header.subarray(0, 8), context), 71);
  if (!okm.subarray(39).equals(header.subarray(40))) throw new Error('commitment');
  const size = 2 ** header[5];
  const parts = [];
  for (let start = 72, index = 0; ; index++) {
    const end = Math.min((index + 1) * size, blob.length);
    const last = end === blob.length;
    const nonce = cat(okm.subarray(32, 39), u32(index), u8(last ? 1 : 0));
    parts.push(aeadOpen(okm.subarray(0, 32), nonce, blob.subarray(start, end)));
    if (last) break;
    start = end;
  }
  const plaintext = cat(...parts);
  const [metaLength, contentLength] = [plaintext.readUInt32BE(0), Number(plaintext.readBigUInt64BE(4))];
  const end = 12 + metaLength + contentLength;
  if (end > plaintext.length || plaintext.length !== padme(Math.max(512, end))) throw new Error('lengths');
  if (plaintext.subarray(end).some((b) => b !== 0)) throw new Error('padding');
  return { meta: plaintext.subarray(12, 12 + metaLength), content: plaintext.subarray(12 + metaLength, end), segments: parts.length };
}
