// SPDX-License-Identifier: MIT
// Pairs of redlock (npm), asked for over standard input: each line is a number of pairs, and is answered by a line when
// they are made, one after the other.  usage: node redlock.js SOCKET FOLDER, whose node_modules has redlock and ioredis.
'use strict';

const { createRequire } = require('module');
const path = require('path');
const readline = require('readline');

const [socket, folder] = process.argv.slice(2);
const from = createRequire(path.join(path.resolve(folder), 'package.json'));
const Redis = from('ioredis');
const Redlock = from('redlock');

const TTL_MS = 30000; // as Latchkey's sessions
const N_NAMES = 1000;

const names = Array.from({ length: N_NAMES }, (_, i) => `redlock:${String(i).padStart(7, '0')}`);
let seed = 1;
for (let i = names.length - 1; i > 0; i--) { // the same order in each run
	seed = (seed * 48271) % 2147483647;
	const j = seed % (i + 1);
	[names[i], names[j]] = [names[j], names[i]];
}

async function main() {
	const client = new Redis({ path: socket, lazyConnect: true });
	await client.connect();
	const redlock = new Redlock([client]);
	let at = 0;

	console.log('ready');
	for await (const line of readline.createInterface({ input: process.stdin })) {
		for (let n = Number(line); n > 0; n--) {
			const lock = await redlock.lock(names[at], TTL_MS);
			await lock.unlock();
			at = at + 1 === N_NAMES ? 0 : at + 1;
		}
		console.log('done');
	}
	client.disconnect();
}

main().catch((error) => {
	console.error(`redlock.js: ${error.message}`);
	process.exit(1);
});
