// SPDX-License-Identifier: MIT
// Locks for Node, through `latchkey stdio`: a child process that speaks JSON lines.  No packages.
//
// usage: node examples/node-stdio.js [LATCHKEY]    where the program is, if not in the PATH
'use strict';
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

// The form of keys and values, as lock libraries have it.
class Locks {
	constructor(program, dir) {
		this.child = spawn(program, ['stdio', '--dir', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
		this.waiting = new Map();
		this.last = 0;
		this.ended = new Promise((done) => this.child.on('close', done));
		this.child.on('error', (error) => this.fail(error));
		this.child.on('close', () => this.fail(new Error('latchkey has ended')));
		this.child.stdin.on('error', () => {}); // 'close' says it
		createInterface({ input: this.child.stdout }).on('line', (line) => {
			const answer = JSON.parse(line);
			const asked = this.waiting.get(answer.id);
			this.waiting.delete(answer.id);
			if (answer.ok) asked?.resolve(answer.result);
			else asked?.reject(Object.assign(new Error(answer.error), { code: answer.code }));
		});
	}

	fail(error) {
		for (const { reject } of this.waiting.values()) reject(error);
		this.waiting.clear();
	}

	ask(op, fields = {}) {
		const id = ++this.last;
		return new Promise((resolve, reject) => {
			this.waiting.set(id, { resolve, reject });
			this.child.stdin.write(JSON.stringify({ id, op, ...fields }) + '\n');
		});
	}

	// JSON has no Infinity
	static ttl(ms) {
		return ms === Infinity ? 'Infinity' : ms;
	}

	tryAcquire(key, value, ms) {
		return this.ask('tryAcquire', { key, value, ttl_ms: Locks.ttl(ms) });
	}

	tryAcquireMultiple(keys, value, ms) {
		return this.ask('tryAcquireMultiple', { keys, value, ttl_ms: Locks.ttl(ms) });
	}

	release(key, value) {
		return this.ask('release', { key, value });
	}

	releaseMultiple(keys, value) {
		return this.ask('releaseMultiple', { keys, value });
	}

	exists(key) {
		return this.ask('exists', { key });
	}

	async getLockInfo(key) {
		const info = await this.ask('getLockInfo', { key });
		if (info?.expiresAt === 'Infinity') info.expiresAt = Infinity;
		return info;
	}

	cleanup() {
		return this.ask('cleanup');
	}

	async close() {
		await this.ask('close');
		await this.ended;
	}
}

function check(what, got, wanted) {
	if (got !== wanted) throw new Error(`${what}: ${got}, not ${wanted}`);
}

async function main() {
	const folder = mkdtempSync(join(tmpdir(), 'latchkey-node-'));
	try {
		const locks = new Locks(process.argv[2] ?? 'latchkey', join(folder, 'locks'));
		const got = await Promise.all(['a', 'b', 'c'].map((v) => locks.tryAcquire('door', v, 60000)));
		check('one of three', got.filter(Boolean).length, 1);
		const mine = ['a', 'b', 'c'][got.indexOf(true)];
		check('its value', (await locks.getLockInfo('door')).value, mine);
		check('by a stranger', await locks.release('door', 'x'), false);
		check('both', await locks.tryAcquireMultiple(['room', 'door'], 'd', 1000), false);
		check('by its holder', await locks.release('door', mine), true);
		check('both, now', await locks.tryAcquireMultiple(['room', 'door', 'room'], 'd', Infinity), true);
		check('for ever', (await locks.getLockInfo('room')).expiresAt, Infinity);
		check('two', await locks.releaseMultiple(['room', 'door'], 'd'), 2);
		check('over', await locks.tryAcquire('door', 'e', 0), true);
		check('is nobody\'s', await locks.exists('door'), false);
		await locks.cleanup();
		await locks.close();
		console.log(`one of three got the door: ${mine}`);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

main().catch((error) => {
	console.error(error);
	process.exitCode = 1;
});
