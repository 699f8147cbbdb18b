// Answers with the document of the API, for whoever makes a client. `lastseat-document` is
// docs/openapi.json.
import text from "lastseat-document";

const headers = {
  "content-type": "application/json",
  "cache-control": "public, max-age=3600",
  "lastseat-answered-by": "edge",
};

export const show = () => new Response(text, { headers });
