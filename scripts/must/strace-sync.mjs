// Reads what strace saw of a node that stored a record: before each answer that acknowledges something, the file that
// holds it was synced, after the last byte of the request had come. Then lets the syncs of each store fail with EIO.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = process.argv[2];
const PASSWORD = 'only for this check';
const START_TIMEOUT_MS = 60_000;

// What acknowledges what: the request, and the folder that must have been synced before its answer.
const ACKNOWLEDGEMENTS = [
  { name: 'content store', request: /^POST \/v1\/blobs /, folder: '/node/ipfs/' },
  { name: 'vault', request: /^POST \/v1\/subjects\/\S+\/staged /, folder: '/node/vault/' },
  { name: 'chain log', request: /^POST \/v1\/chain\/send /, folder: '/node/chain/' },
];

const dir = mkdtempSync(join(tmpdir(), 'carechain-strace-'));
const started = new Set();

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took too long`)), START_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function run(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  ended.then(() => started.delete(child));
  return { child, ended };
}

async function startNode(before = []) {
  const command = [...before, program, '--json', 'node', '--data', join(dir, 'node'), '--listen', '127.0.0.1:0'];
  const { child, ended } = run(command[0], command.slice(1));
  child.stderr.resume();
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const died = ended.then((code) => Promise.reject(new Error(`the node ended with ${code}`)));
  const ready = JSON.parse(await within(Promise.race([line, died]), 'the start of the node'));
  return { child, ended, url: ready.url };
}

// The node itself, where strace is its parent.
function pidUnder(parent) {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
  return Number(children.split(' ')[0]);
}

function carechain(node, ...args) {
  const all = [...args, '--json', '--node', node.url, '--keyset', join(dir, 'keyset')];
  const done = spawnSync(program, all, { env: { ...process.env, CARECHAIN_PASSWORD: PASSWORD }, encoding: 'utf8' });
  const lines = done.stdout.trim().split('\n').filter(Boolean);
  return { code: done.status, last: lines.length ? JSON.parse(lines.at(-1)) : null, stderr: done.stderr };
}

function must(done, what) {
  if (done.code !== 0) throw new Error(`${what} failed: ${done.stderr}`);
  return done.last;
}

function pulse(id) {
  const file = join(dir, `${id}.json`);
  const code = { coding: [{ system: 'http://loinc.org', code: '8867-4' }] };
  const category = [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }];
  writeFileSync(file, JSON.stringify({ resourceType: 'Observation', id, status: 'final', category, code }));
  return file;
}

// One entry a finished or begun call, in the order of the trace.
function* calls(text) {
  const waiting = new Map();
  for (const line of text.split('\n')) {
    const [, pid, rest] = /^(\d+)\s+\S+\s+(.*)$/.exec(line) ?? [];
    if (!rest) continue;
    const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (begun) {
      waiting.set(pid, begun[2]);
      yield { call: begun[1], args: begun[2], begun: true };
    } else if (resumed) {
      yield { call: resumed[1], args: `${waiting.get(pid) ?? ''}${resumed[2]}`, resumed: true };
      waiting.delete(pid);
    } else {
      const whole = /^(\w+)\((.*)$/.exec(rest);
      if (whole) yield { call: whole[1], args: whole[2] };
    }
  }
}

const result = (args) => Number(/\)\s*=\s*(-?\d+)/.exec(args)?.[1] ?? -1);
const descriptor = (args) => /^(\d+)<([^>]*(?:->[^>]*)?)>/.exec(args);

// For each store: acknowledgements, how many of them after a sync, and the files that were synced.
function analyse(text) {
  const connections = new Map();
  const syncs = [];
  const found = new Map(ACKNOWLEDGEMENTS.map((a) => [a, { acknowledged: 0, synced: 0, files: new Set() }]));
  let time = 0;
  for (const { call, args, begun, resumed } of calls(text)) {
    time += 1;
    const [, fd, path] = descriptor(args) ?? [];
    if (!fd) continue;
    if (/^(fdatasync|fsync)$/.test(call)) {
      if (!begun && result(args) === 0) syncs.push({ time, path });
    } else if (/^(read|readv|recvfrom|recvmsg)$/.test(call)) {
      if (begun || result(args) <= 0) continue;
      const head = /"((?:GET|POST|PUT|DELETE) [^"\\]*)/.exec(args)?.[1];
      const connection = connections.get(fd) ?? {};
      if (head) connection.head = head;
      connection.lastByte = time;
      connections.set(fd, connection);
    } else if (/^(write|writev|sendto|sendmsg)$/.test(call) && !resumed && /"HTTP\/1\.1 20\d/.test(args)) {
      const connection = connections.get(fd);
      const kind = connection && ACKNOWLEDGEMENTS.find((a) => a.request.test(`${connection.head} `));
      if (!kind) continue;
      const tally = found.get(kind);
      tally.acknowledged += 1;
      const before = syncs.filter((s) => s.time > connection.lastByte && s.path.includes(kind.folder));
      if (before.length) tally.synced += 1;
      for (const sync of before) tally.files.add(sync.path);
    }
  }
  return found;
}

async function traced() {
  const trace = join(dir, 'trace');
  const watched = 'read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fdatasync,fsync';
  const node = await startNode(['strace', '-f', '-tt', '-yy', '-s', '200', '-e', `trace=${watched}`, '-o', trace]);
  must(carechain(node, 'keys', 'create'), 'keys create');
  must(carechain(node, 'register', 'patient'), 'register');
  const imported = must(carechain(node, 'import', pulse('first')), 'import');
  if (imported.stored !== 1) throw new Error(`expected one stored: ${JSON.stringify(imported)}`);
  process.kill(pidUnder(node.child.pid), 'SIGTERM');
  await node.ended;
  return analyse(readFileSync(trace, 'utf8'));
}

// Every sync of these files fails from now on; nothing may be acknowledged.
async function failing(name, files) {
  const node = await startNode();
  const paths = [...files].flatMap((file) => ['-P', file]);
  const inject = ['-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:error=EIO'];
  const trace = join(dir, `eio-${name.replace(' ', '-')}`);
  const { child: strace, ended } = run('strace', ['-f', ...paths, ...inject, '-o', trace, '-p', `${node.child.pid}`]);
  await within(new Promise((resolve) => strace.stderr.on('data', (said) => /attached/.test(said) && resolve())), 'strace');
  const file = pulse(`eio-${name.replace(' ', '-')}`);
  const refused = carechain(node, 'import', file);
  strace.kill('SIGINT');
  await ended;
  node.child.kill('SIGKILL');
  await node.ended;
  const injected = (readFileSync(trace, 'utf8').match(/INJECTED/g) ?? []).length;

  const again = await startNode();
  must(carechain(again, 'verify', '--all'), `verify after ${name} failed`);
  const imported = must(carechain(again, 'import', file), `import after ${name} failed`);
  must(carechain(again, 'verify', '--all'), `verify after ${name} healed`);
  again.child.kill('SIGTERM');
  const stopped = await again.ended;
  return {
    injected,
    exit: refused.code,
    message: refused.stderr.trim().split('\n').at(-1),
    afterwards: imported.stored + imported.unchanged,
    pass: injected > 0 && refused.code === 1 && imported.stored + imported.unchanged === 1 && stopped === 0,
  };
}

const report = { check: 'strace-sync', pass: true, acknowledged_after_sync: {}, refused_on_eio: {} };
try {
  const found = await traced();
  for (const [{ name }, tally] of found) {
    const pass = tally.acknowledged > 0 && tally.synced === tally.acknowledged;
    report.acknowledged_after_sync[name] = { acknowledged: tally.acknowledged, synced: tally.synced, pass };
    report.pass &&= pass;
  }
  for (const [{ name }, tally] of found) {
    if (!tally.files.size) continue;
    report.refused_on_eio[name] = await failing(name, tally.files);
    report.pass &&= report.refused_on_eio[name].pass;
  }
} catch (error) {
  report.pass = false;
  report.error = error.message;
} finally {
  for (const child of started) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = report.pass ? 0 : 1;
