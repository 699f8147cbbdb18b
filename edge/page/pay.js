// Where the buyer of a held order pays: the template of the sale, filled in.

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

// The address at which `order` is paid, or null where the sale has none that may be opened.
export function payAt(template, order) {
  if (!template) return null;
  const names = { order_id: order.order_id, number: order.number ?? "", sale: order.sale };
  const filled = template.replace(/\{(\w+)\}/g, (all, name) =>
    Object.hasOwn(names, name) ? encodeURIComponent(names[name]) : all,
  );
  // The operators' API has checked it; whatever else is in Redis, no script is opened by a click.
  try {
    const { protocol, hostname, href } = new URL(filled);
    return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname)) ? href : null;
  } catch {
    return null;
  }
}
