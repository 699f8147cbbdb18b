// What the isolate of a bare workerd holds, asked of its inspector once a second: a line of JSON
// each time, in bytes. `all` is in use by JavaScript and the runtime's objects, `live` the same
// once V8 has collected what nobody needs: without a limit it does so late. `wasm` is the edge's
// own memory.
//
// isolate.mjs PORT
const [port] = process.argv.slice(2);
const [target] = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
const socket = new WebSocket(target.webSocketDebuggerUrl);
await new Promise((open, fail) => {
  socket.onopen = open;
  socket.onerror = fail;
});
const waiting = new Map();
let [last, context] = [0, ""];
socket.onmessage = ({ data }) => {
  const { id, result, error, method, params } = JSON.parse(data);
  if (method === "Runtime.executionContextCreated") context = params.context.uniqueId;
  if (!waiting.has(id)) return;
  const [done, fail] = waiting.get(id);
  waiting.delete(id);
  if (error) fail(new Error(error.message));
  else done(result);
};
const ask = (method, params = {}) =>
  new Promise((done, fail) => {
    last += 1;
    waiting.set(last, [done, fail]);
    socket.send(JSON.stringify({ id: last, method, params }));
  });

await ask("Runtime.enable");
const expression = "WebAssembly.Memory.prototype";
const { result } = await ask("Runtime.evaluate", { expression, uniqueContextId: context });
const { objects } = await ask("Runtime.queryObjects", { prototypeObjectId: result.objectId });
const functionDeclaration = `function () {
  return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}`;
const size = { objectId: objects.objectId, functionDeclaration, returnByValue: true };
// V8 collects before it looks for objects; workerd does not answer HeapProfiler.collectGarbage.
const collect = async () => {
  await ask("Runtime.queryObjects", { prototypeObjectId: result.objectId, objectGroup: "look" });
  await ask("Runtime.releaseObjectGroup", { objectGroup: "look" });
};
const used = async () => {
  const heap = await ask("Runtime.getHeapUsage");
  return heap.usedSize + heap.embedderHeapUsedSize + heap.backingStorageSize;
};
while (true) {
  const all = await used();
  await collect();
  const live = await used();
  const wasm = (await ask("Runtime.callFunctionOn", size)).result.value;
  console.log(JSON.stringify({ all, live, wasm }));
  await new Promise((done) => setTimeout(done, 1_000));
}
