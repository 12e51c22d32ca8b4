// viem and cast, unchanged: deploy a contract, call it, read its logs, follow new blocks.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPublicClient, createWalletClient, defineChain, http, parseEventLogs, toEventSelector } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { abi, creationCode } from './counter.mjs';
import { startNode } from './node.mjs';

const run = promisify(execFile);
const cast = fileURLToPath(new URL('node_modules/@foundry-rs/cast-linux-amd64/bin/cast', import.meta.url));
const topic = toEventSelector('Incremented(uint256)');
let node;

before(async () => {
  node = await startNode();
});

after(async () => {
  assert.equal(await node.stop(), 0, 'SIGTERM stops the node cleanly');
});

test('viem deploys, calls, reads logs and follows blocks', async () => {
  const chain = defineChain({
    id: node.ready.chain_id,
    name: 'carechain',
    nativeCurrency: { name: 'none', symbol: 'NONE', decimals: 18 },
    rpcUrls: { default: { http: [node.ready.chain_rpc] } },
  });
  const account = privateKeyToAccount(generatePrivateKey());
  const transport = http(node.ready.chain_rpc);
  const reader = createPublicClient({ chain, transport, pollingInterval: 50 });
  const wallet = createWalletClient({ chain, transport, account });
  assert.equal(await reader.getChainId(), node.ready.chain_id);

  const deployed = await reader.waitForTransactionReceipt({
    hash: await wallet.deployContract({ abi, bytecode: creationCode(topic) }),
  });
  assert.equal(deployed.status, 'success');
  const address = deployed.contractAddress;

  const seen = [];
  const stop = reader.watchBlockNumber({ onBlockNumber: (number) => seen.push(number), emitOnBegin: true });
  let last;
  for (let n = 1n; n <= 3n; n++) {
    last = await reader.waitForTransactionReceipt({
      hash: await wallet.writeContract({ address, abi, functionName: 'increment' }),
    });
    const [event] = parseEventLogs({ abi, logs: last.logs });
    assert.equal(event.args.count, n);
    assert.equal(await reader.readContract({ address, abi, functionName: 'count' }), n);
  }
  while (seen.at(-1) !== last.blockNumber) await new Promise((resolve) => setImmediate(resolve));
  stop();

  const logs = await reader.getLogs({ address, event: abi[2], fromBlock: deployed.blockNumber });
  assert.deepEqual(logs.map((log) => log.args.count), [1n, 2n, 3n]);
  const block = await reader.getBlock({ includeTransactions: true });
  assert.equal(block.number, last.blockNumber);
  assert.equal(block.transactions[0].from.toLowerCase(), account.address.toLowerCase());
  const proof = await reader.getProof({ address, storageKeys: ['0x' + '0'.repeat(64)] });
  assert.equal(proof.storageProof[0].value, 3n);
});

test('cast deploys, sends, calls and reads logs', async () => {
  const key = generatePrivateKey();
  const url = ['--rpc-url', node.ready.chain_rpc];
  const call = async (...args) => (await run(cast, args)).stdout.trim();
  assert.equal(await call('chain-id', ...url), String(node.ready.chain_id));
  const deployed = JSON.parse(
    await call('send', ...url, '--private-key', key, '--json', '--create', creationCode(topic)),
  );
  assert.equal(deployed.status, '0x1');
  const sent = JSON.parse(
    await call('send', ...url, '--private-key', key, '--json', deployed.contractAddress, 'increment()'),
  );
  assert.equal(sent.status, '0x1');
  assert.equal(await call('call', ...url, deployed.contractAddress, 'count()(uint256)'), '1');
  const logs = JSON.parse(
    await call('logs', ...url, '--json', '--from-block', '0', '--address', deployed.contractAddress),
  );
  assert.deepEqual(logs.map((log) => log.topics[0]), [topic]);
  assert.equal(await call('block-number', ...url), String(BigInt(sent.blockNumber)));
});

test('a call that reverts is refused with its data', async () => {
  const reader = createPublicClient({ transport: http(node.ready.chain_rpc) });
  const refused = reader.call({ to: node.ready.contracts.directory, data: '0x12345678' });
  await assert.rejects(refused, /revert/i);
});
