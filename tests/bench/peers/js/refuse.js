// The least that a worker in JavaScript does for a refusal: it looks at method and path, and
// answers what lastseat's edge answers when a sale is sold out, byte for byte except that the order
// id is always the same one. No state, no clock, no id of its own: nothing that can be refused
// faster.

const path = /^\/v1\/sales\/[A-Za-z0-9_-]{1,64}\/orders$/;

const soldOut =
  '{"code":"sold_out","title":"Sold out","status":409,"detail":"Every ticket of this sale is sold.",' +
  '"order_id":"01890000-0000-7000-8000-000000000000"}';

const no = {
  status: 409,
  headers: { "content-type": "application/problem+json", "lastseat-answered-by": "edge" },
};

export default {
  fetch(request) {
    const { url, method } = request;
    if (!path.test(url.slice(url.indexOf("/", 8))))
      return new Response("not found\n", { status: 404 });
    if (method !== "POST") return new Response("POST, please\n", { status: 405 });
    return new Response(soldOut, no);
  },
};
