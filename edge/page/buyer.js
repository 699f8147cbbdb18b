// The buyer that somebody types, as it is sent: what means the same is written the same, so that a
// limit of one buyer counts it as one. A node takes any text of one line (see BuyerId); the rest is
// for people, whose e-mail and phone number this mostly is.

const BYTES_MAX = 128;
// What a node refuses: control characters, ends of lines, and what turns the writing round.
const UNSEEN = /[\p{Cc}\u2028-\u202e\u2066-\u2069\ufeff]/u;
const PHONE = /^\+?[\d\s()./-]+$/;
const PHONE_DIGITS_MIN = 6;

export function normalised(typed) {
  const text = typed.normalize("NFC").trim().replace(/\s+/g, " ");
  const at = text.lastIndexOf("@");
  // The part before the @ is the mailbox's own; domains are the same in upper and lower case.
  if (at > 0 && !text.includes(" ")) return text.slice(0, at) + text.slice(at).toLowerCase();
  // (0) is dialled only within the country.
  const digits = (/^(\+|00)/.test(text) ? text.replace("(0)", "") : text).replace(/\D/g, "");
  if (!PHONE.test(text) || digits.length < PHONE_DIGITS_MIN) return text;
  // 00 is how many dial what is written +.
  return text.startsWith("+") ? `+${digits}` : digits.replace(/^00/, "+");
}

// What keeps a buyer from being sent: null, or a text and its arguments.
export function wrongIn(buyer) {
  if (buyer === "") return ["buyer_empty"];
  if (UNSEEN.test(buyer)) return ["buyer_sign"];
  return new TextEncoder().encode(buyer).length > BYTES_MAX ? ["buyer_long"] : null;
}
