// Where the buyer of a held order pays: the template of the sale, filled in. One that is signed a
// node fills in, which alone has the key: then the order says where, once it is read.

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

// The address at which `order` is paid, or null where the sale has none that may be opened.
export function payAt(template, order) {
  if (!template) return null;
  if (isSigned(template)) return order.pay_url ? opened(order.pay_url) : null;
  const names = { order_id: order.order_id, number: order.number ?? "", sale: order.sale };
  const filled = template.replace(/\{(\w+)\}/g, (all, name) =>
    Object.hasOwn(names, name) ? encodeURIComponent(names[name]) : all,
  );
  return opened(filled);
}

export const isSigned = (template) => Boolean(template?.includes("{signed}"));

// The operators' API has checked it; whatever else is in Redis, no script is opened by a click.
function opened(filled) {
  try {
    const { protocol, hostname, href } = new URL(filled);
    return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname)) ? href : null;
  } catch {
    return null;
  }
}
