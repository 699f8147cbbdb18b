// Answers with the page, or says that the browser has it. `lastseat-page` is what page/build.mjs
// made of page/.
import { body, head, headers, noPage, noSale, nothingHeaders, style, tag } from "lastseat-page";

const [before, after] = body.split(head);

// `shown` stands in the place of the file's own head, `mark` behind its tag, and `picture` may be
// loaded by it.
export function show(request, shown, mark, picture) {
  const etag = tag.replace(/"$/, `${mark}"`);
  const named = { ...headers, etag };
  if (picture !== undefined) {
    const name = "content-security-policy";
    named[name] = headers[name].replace("img-src data:", () => `img-src data: ${picture}`);
  }
  if (request.headers.get("if-none-match")?.includes(etag)) {
    return new Response(null, { status: 304, headers: named });
  }
  return new Response(before + (shown ?? head) + after, { headers: named });
}

const withStyle = (text) => text.replace("<style></style>", () => `<style>${style}</style>`);
const nothing = { sale: withStyle(noSale), page: withStyle(noPage) };

// What a person is told of an address at which there is no sale, or nothing at all.
export function showNothing(status, isOfSale) {
  return new Response(isOfSale ? nothing.sale : nothing.page, { status, headers: nothingHeaders });
}
