// A contract small enough to read as bytes: `increment()` adds one to slot 0 and logs it, `count()` reads it.
// Written by hand, since this folder needs no compiler.
//
//   runtime: dispatch on the selector; increment 0xd09de08a, count 0x06661abd
export const abi = [
  { type: 'function', name: 'increment', inputs: [], outputs: [], stateMutability: 'nonpayable' },
  { type: 'function', name: 'count', inputs: [], outputs: [{ type: 'uint256' }], stateMutability: 'view' },
  { type: 'event', name: 'Incremented', inputs: [{ type: 'uint256', name: 'count', indexed: false }] },
];

const op = {
  push1: (n) => '60' + n.toString(16).padStart(2, '0'),
  push4: (hex) => '63' + hex,
  push32: (hex) => '7f' + hex,
};

/// Creation code, given the event's topic.
export function creationCode(topic) {
  const dispatch = (selector, at) => '80' + op.push4(selector) + '14' + op.push1(at) + '57';
  const head = op.push1(0) + '35' + op.push1(0xe0) + '1c'; // selector on the stack
  const refuse = op.push1(0) + op.push1(0) + 'fd';
  const headBytes = (head + dispatch('d09de08a', 0) + dispatch('06661abd', 0) + refuse).length / 2;
  // increment: slot0 + 1 -> slot0, memory 0, log1
  const increment =
    '5b' + op.push1(0) + '54' + op.push1(1) + '01' + '80' + op.push1(0) + '55' + op.push1(0) + '52' +
    op.push32(topic.slice(2)) + op.push1(32) + op.push1(0) + 'a1' + '00';
  const count = '5b' + op.push1(0) + '54' + op.push1(0) + '52' + op.push1(32) + op.push1(0) + 'f3';
  const runtime =
    head +
    dispatch('d09de08a', headBytes) +
    dispatch('06661abd', headBytes + increment.length / 2) +
    refuse + increment + count;
  const size = runtime.length / 2;
  const init = op.push1(size) + op.push1(12) + op.push1(0) + '39' + op.push1(size) + op.push1(0) + 'f3';
  return '0x' + init.padEnd(24, '0') + runtime;
}
