// A worker in Node, without packages: it joins a hub, takes attempts, makes them, and says what became of them.
//   PODIUM_HUB=http://127.0.0.1:7400 PODIUM_TOKEN=podium_… node worker.mjs
import { agents } from "./agents.mjs";

const { PODIUM_HUB: hub = "http://127.0.0.1:7400", PODIUM_TOKEN: token } = process.env;
const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
const concurrency = 8;
const held = new Set(); // tokens of the attempts that it has
let id = "", draining = false, asking = 0; // of them so many wait for what they asked for
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function post(path, body = {}, method = "POST") {
  const answer = await fetch(hub + path, { method, headers, body: JSON.stringify(body) });
  const found = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.detail), { status: answer.status });
  return found;
}

async function surely(work) { // whatever the hub cannot hear now is said again
  for (let wait = 100; ; wait = Math.min(2 * wait, 5000)) {
    try { return await work(); } catch (error) {
      if (error.status && ![429, 503].includes(error.status)) throw error;
      await pause(wait);
    }
  }
}

async function join() {
  const hosted = Object.entries(agents).map(([agent, { capabilities }]) => ({ agent, capabilities }));
  const told = { name: "node", concurrency, agents: hosted, previous: id, holding: [...held] };
  id = (await surely(() => post("/v1/workers", told))).id;
  console.log(`${id} hosts ${Object.keys(agents)}`);
}

function contextOf({ token }) {
  let number = 0;
  const ask = async (asked) => {
    asking++;
    try {
      for (;;) {
        const { done, output, error } = await surely(() => post("/v1/attempts/call", { token, ...asked }));
        if (error) throw new Error(error.title);
        if (done) return output;
      }
    } finally { asking--; }
  };
  return {
    call: (call, args) => ask({ number: ++number, call, args }),
    tool: (tool, args) => ask({ number: ++number, tool, args }),
    log: (line) => post("/v1/attempts/progress", { attempts: [{ token, lines: [line] }] }),
  };
}

async function make(attempt) {
  const end = (outcome) =>
    surely(() => post(`/v1/workers/${id}/complete`, { attempts: [{ token: attempt.token, ...outcome }] }));
  try {
    const perform = agents[attempt.agent].perform[attempt.capability];
    await end({ output: await perform(attempt.input, contextOf(attempt)) });
  } catch (error) { await end({ error: { title: error.message } }); }
  held.delete(attempt.token);
}

process.on("SIGTERM", () => { draining = true; post(`/v1/workers/${id}/drain`).catch(() => {}); });
setInterval(() => post(`/v1/workers/${id}/heartbeat`).catch(() => {}), 5000).unref();
await join();
while (!draining) {
  try {
    const most = concurrency - held.size + asking;
    if (most < 1) { await pause(5); continue; }
    const { attempts } = await post(`/v1/workers/${id}/pull`, { most, wait_ms: 5000 });
    const tokens = attempts.map((one) => one.token);
    const { words } = tokens.length ? await post(`/v1/workers/${id}/start`, { attempts: tokens }) : {};
    attempts.filter((_, at) => words[at] === "accepted").forEach((one) => { held.add(one.token); make(one); });
  } catch (error) { await (error.status === 410 ? join() : pause(500)); } // 410: the hub knows it no more
}
while (held.size) await pause(20);
await post(`/v1/workers/${id}`, {}, "DELETE").catch(() => {});
