// The map of a coach or block: its rows as the plan has them, and the way through it with keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { entrance, follow, layOut, lost } from "../../edge/page/seatmap.js";
import { rowsOf } from "../../edge/page/seatrows.js";

// Rows as the page draws them: labels of seats, with a blank for what is no seat.
function drawn(document, blocks, id, names) {
  const kind = document.coaches ? "coach" : "block";
  const one = { id: "c", blocks: blocks.map((each) => ({ id: each, kind })) };
  const known = names.map((seat) => ({ seat, free: true }));
  const rows = rowsOf({ plan: { classes: [{ id: "c", ...document }] } }, one, { id, kind }, known);
  assert.deepEqual(
    rows.flatMap((row) => row.seats.filter(Boolean).map(({ name }) => name)),
    names,
    "each seat once, in order",
  );
  return rows.map(
    ({ label, seats }) => `${label ?? ""}:${seats.map((seat) => seat?.label ?? " ").join("")}`,
  );
}

test("rows of a coach have the aisles and gaps of its pattern", () => {
  const coach = [];
  for (const row of [1, 2, 4]) for (const letter of "ABCDF") coach.push(`4-${row}${letter}`);
  assert.deepEqual(
    drawn(
      { coaches: [{ ids: "4-7", rows: "1-2, 4", letters: "ABC DF" }] },
      ["4", "5", "6", "7"],
      "4",
      coach,
    ),
    ["1:ABC DF", "2:ABC DF", "4:ABC DF"],
  );
  // Other coaches before it, a list of patterns, and a second entry of the same coach.
  const entries = [
    { ids: "1-2", rows: "1-2", letters: "AC DF" },
    { ids: "3, 16", rows: "1-2", letters: ["A F", "A _CF"] },
    { ids: "3, 16", rows: "9", seats: "11,12 13-14" },
  ];
  const names = [
    "16-1A",
    "16-1F",
    "16-2A",
    "16-2C",
    "16-2F",
    "16-9-11",
    "16-9-12",
    "16-9-13",
    "16-9-14",
  ];
  assert.deepEqual(drawn({ coaches: entries }, ["1", "2", "3", "16"], "16", names), [
    "1:A F",
    "2:A  CF",
    "9:1112 1314",
  ]);
});

test("rows of a block are cut by its pattern, with ranges up, down and in steps, and without labels", () => {
  const odd = ["P-1-5", "P-1-3", "P-1-1", "P-1-2", "P-1-4", "P-1-6"];
  assert.deepEqual(
    drawn({ blocks: [{ ids: "P", rows: "1", seats: "5-1/2 2-6/2" }] }, ["P"], "P", odd),
    ["1:531 246"],
  );
  const gap = ["112-A-1", "112-A-3", "112-B-1", "112-B-3"];
  assert.deepEqual(
    drawn(
      { blocks: [{ ids: "101-112", rows: "A-B", seats: "1,_,3" }] },
      ["101", "112"],
      "112",
      gap,
    ),
    ["A:1 3", "B:1 3"],
  );
  const box = ["2-1", "2-2", "2-3", "2-4", "2-5"];
  assert.deepEqual(
    drawn({ blocks: [{ ids: "1-2", seats: ["1-2", "3-5"] }] }, ["1", "2"], "2", box),
    [":12", ":345"],
  );
});

test("a document that is not understood gives rows without aisles, and every seat", () => {
  const names = ["3-1A", "3-1B", "3-2A", "3-2B"];
  for (const entry of [
    { ids: "3", rows: "1-9", letters: "AB" },
    { ids: "3", rows: "1-2", letters: "A" },
    { ids: "3", rows: "1-2", letters: "_" },
    { ids: "8" },
  ]) {
    assert.deepEqual(
      drawn({ coaches: [entry] }, ["3"], "3", names),
      ["1:AB", "2:AB"],
      JSON.stringify(entry),
    );
  }
});

const MAP = layOut([
  {
    label: "1",
    seats: [{ name: "1A", label: "A", free: false }, null, { name: "1C", label: "C", free: true }],
  },
  {
    label: "2",
    seats: [
      { name: "2A", label: "A", free: true },
      { name: "2B", label: "B", free: true },
      { name: "2C", label: "C", free: false },
    ],
  },
  { label: "3", seats: [{ name: "3B", label: "B", free: true }] },
]);

test("arrow keys lead from each seat to its neighbours, over aisles, and nowhere beyond the map", () => {
  const way = (name, keys) => keys.map((key) => (name = follow(MAP, name, key)));
  assert.deepEqual(
    way("1A", ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"]),
    ["1C", "2C", "2B", "3B", "2B", "2A", "2C"],
  );
  assert.equal(follow(MAP, "1A", "ArrowLeft"), null);
  assert.equal(follow(MAP, "1A", "ArrowUp"), null);
  assert.equal(follow(MAP, "3B", "ArrowDown"), null);
  assert.equal(follow(MAP, "none", "ArrowDown"), null);
  // Every seat can be reached from every other.
  const all = MAP.rows.flatMap((row) => row.seats.map(({ name }) => name));
  for (const from of all) {
    const reached = new Set([from]);
    for (const name of reached) {
      for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"])
        reached.add(follow(MAP, name, key) ?? name);
    }
    assert.equal(reached.size, all.length, from);
  }
});

test("Tab leads to the seat that had the focus, to a chosen one, or to the first that is free", () => {
  assert.equal(entrance(MAP, "2B", []), "2B");
  assert.equal(entrance(MAP, "gone", ["3B"]), "3B");
  assert.equal(entrance(MAP, null, []), "1C");
  assert.deepEqual(lost(MAP, ["2A", "2C", "elsewhere"]), ["2C"]);
});

test("rows of different lengths stand in the middle, and no two seats in the same place", () => {
  assert.equal(MAP.rows[2].seats[0].x, MAP.rows[1].seats[1].x);
  const places = MAP.rows.flatMap((row) => row.seats.map(({ x, y }) => `${x} ${y}`));
  assert.equal(new Set(places).size, places.length);
  assert.ok(
    MAP.rows
      .flatMap((row) => row.seats)
      .every(({ x, y }) => x + 28 <= MAP.width && y + 28 <= MAP.height),
  );
});
