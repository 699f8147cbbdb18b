// The table of origins, the variable ORIGINS as lastseat's edge has it: a JSON array such as
// [{"url":"http://127.0.0.1:3001","weight":1}].
export function origins(env) {
  const rows = typeof env.ORIGINS === "string" ? JSON.parse(env.ORIGINS) : env.ORIGINS;
  const good =
    Array.isArray(rows) &&
    rows.length > 0 &&
    rows.every(({ url }) => /^https?:\/\/[^/?#]+$/.test(url));
  if (good) return rows.map(({ url, weight = 1 }) => ({ url, weight }));
  throw new Error(
    'the variable ORIGINS must be a JSON array such as [{"url":"http://127.0.0.1:3001","weight":1}]',
  );
}
