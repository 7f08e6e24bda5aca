// Appends events to Emmett's event store on PostgreSQL, as its users would, and prints what
// came of it as a line of JSON, after one that says when counting began. It is run by the benchmarks, in a process of its own:
//
//	node append.mjs URL CALLERS WARM_MS LENGTH_MS LEAST BYTES
//
// Each caller appends one event at a time to streams of ten events, with the version that it
// expects, and waits for the answer before its next. What is counted begins after WARM_MS
// and takes LENGTH_MS, or longer, until there are LEAST answers. The data of an event is an
// object of BYTES bytes as JSON.

import { randomBytes } from 'node:crypto';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';

const [url, ...numbers] = process.argv.slice(2);
const [callers, warm, length, least, bytes] = numbers.map(Number);

// payloads are many, with little in common, as those of the other peers.
const payloads = Array.from({ length: 1024 }, () => {
  const hex = () => randomBytes(16).toString('hex');
  const data = { customer: hex(), lines: [{ product: hex(), quantity: 1, price: 4200 }], note: '' };
  const words = 'leave it with the neighbours by the door ';
  data.note = words.repeat(9).slice(0, bytes - JSON.stringify(data).length);
  return data;
});

const store = getPostgreSQLEventStore(url);
await store.schema.migrate();

const run = randomBytes(4).toString('hex'); // streams are new in each run
let counting = false;
let stopped = false;
const took = []; // milliseconds, of each append that is counted

const caller = async (number) => {
  for (let stream = 0; !stopped; stream++) {
    const name = `order-${run}-${number}-${stream}`;
    for (let version = 0n; version < 10n && !stopped; version++) {
      const begin = performance.now();
      const event = { type: 'OrderPlaced', data: payloads[Math.floor(Math.random() * payloads.length)] };
      await store.appendToStream(name, [event], {
        expectedStreamVersion: version === 0n ? 'STREAM_DOES_NOT_EXIST' : version,
      });
      if (counting) took.push(performance.now() - begin);
    }
  }
};

const all = Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
all.catch((error) => {
  console.error(error);
  process.exit(1);
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
await pause(warm);
const begin = performance.now();
counting = true;
console.log('counting');
await pause(length);
while (took.length < least && performance.now() - begin < 5000) await pause(length / 10);
counting = false;
const seconds = (performance.now() - begin) / 1000;
took.sort((a, b) => a - b);
const quantile = (q) => took[Math.floor((took.length - 1) * q)];
console.log(JSON.stringify({ events: took.length, seconds, p50: quantile(0.5), p99: quantile(0.99) }));

stopped = true;
await all;
await store.close();
