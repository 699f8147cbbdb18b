// Answers with the page, or says that the browser has it. `lastseat-page` is what page/build.mjs
// made of page/.
import { body, headers, noPage, noSale, nothingHeaders, style, tag } from "lastseat-page";

export function show(request) {
  if (request.headers.get("if-none-match")?.includes(tag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers });
}

const withStyle = (text) => text.replace("<style></style>", () => `<style>${style}</style>`);
const nothing = { sale: withStyle(noSale), page: withStyle(noPage) };

// What a person is told of an address at which there is no sale, or nothing at all.
export function showNothing(status, isOfSale) {
  return new Response(isOfSale ? nothing.sale : nothing.page, { status, headers: nothingHeaders });
}
