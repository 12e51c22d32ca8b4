// Starts a real node with a chain listener on a free port and stops it by its process id.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = process.env.CARECHAIN_PROGRAM ?? join(root, 'target/debug/carechain');

export async function startNode() {
  const dir = await mkdtemp(join(tmpdir(), 'carechain-clients-'));
  const args = ['--json', 'node', '--data', join(dir, 'node'), '--listen', '127.0.0.1:0', '--chain-listen', '127.0.0.1:0'];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => (log += data));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)))),
    ended.then((code) => Promise.reject(new Error(`the node ended with ${code}: ${log}`))),
  ]);
  return {
    ready,
    async stop() {
      child.kill('SIGTERM');
      const code = await ended;
      await rm(dir, { recursive: true });
      return code;
    },
  };
}
